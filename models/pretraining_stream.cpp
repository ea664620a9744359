// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "common/hash.h"
#include "common/random.h"
#include "datasets/list_source.h"
#include "datasets/synthetic/source.h"
#include "datasets/weighted_source.h"
#include "models/pretrain.h"

namespace permafrost {
namespace {

constexpr std::int64_t kEndless = std::numeric_limits<std::int64_t>::max() / 4;

// Clip i is a real one with probability `share`, decided by i alone.
class MixedStream : public ClipSource {
 public:
  MixedStream(std::unique_ptr<ClipSource> synthetic, std::unique_ptr<ClipSource> real, double share,
              std::uint64_t seed)
      : synthetic_(std::move(synthetic)), real_(std::move(real)), share_(share), seed_(seed) {}
  std::int64_t size() const override { return kEndless; }
  int label(std::int64_t) const override { return -1; }
  std::string name(std::int64_t index) const override {
    const Choice choice = choose(index);
    return choice.real ? real_->name(choice.index) : synthetic_->name(index);
  }
  Sample read(std::int64_t index, int, int) const override {
    constexpr int kPlaces = 16;  // temporal placements of a real clip
    const Choice choice = choose(index);
    return choice.real ? real_->read(choice.index, choice.place, kPlaces)
                       : synthetic_->read(index, 0, 1);
  }
  std::string identity() const override {
    return sha256_of(synthetic_->identity() + real_->identity() + std::to_string(share_) + " " +
                     std::to_string(seed_));
  }

 private:
  struct Choice {
    bool real = false;
    std::int64_t index = 0;
    int place = 0;
  };
  Choice choose(std::int64_t index) const {
    RandomStream stream({.seed = seed_,
                         .purpose = "pretraining.stream",
                         .sample = static_cast<std::uint64_t>(index)});
    Choice choice;
    choice.real = stream.uniform() < static_cast<float>(share_);
    choice.index = stream.integer(static_cast<std::uint32_t>(real_->size()));
    choice.place = static_cast<int>(stream.integer(16));
    return choice;
  }
  std::unique_ptr<ClipSource> synthetic_, real_;
  double share_;
  std::uint64_t seed_;
};

}  // namespace

namespace {

std::unique_ptr<ClipSource> open_list(const ListSpec& list, const VideoOptions& video) {
  const ManifestOptions options{.labels_required = false,
                                .root = list.root,
                                .extension = list.extension,
                                .separator = list.separator,
                                .split = list.split};
  return list_source(list.manifest, read_manifest(list.manifest, options), video);
}

std::unique_ptr<ClipSource> real_source(const PretrainConfig& config, const VideoOptions& video) {
  if (config.real_lists.empty()) return open_list({.manifest = config.real_manifest}, video);
  std::vector<WeightedPart> parts;
  for (const auto& weighted : config.real_lists)
    parts.push_back({open_list(weighted.list, video), weighted.weight});
  return std::make_unique<WeightedSource>(std::move(parts), config.seed);
}

}  // namespace

std::unique_ptr<ClipSource> pretraining_stream(const PretrainConfig& config) {
  const ClipShape shape = config.encoder.clip_shape();
  auto synthetic = std::make_unique<synthetic::MixtureSource>(kEndless, shape);
  const bool has_real = !config.real_manifest.empty() || !config.real_lists.empty();
  if (!has_real || config.real_share <= 0) return synthetic;
  VideoOptions video;
  video.shape = shape;
  video.frame_step = static_cast<int>(config.real_frame_step);
  return std::make_unique<MixedStream>(std::move(synthetic), real_source(config, video),
                                       config.real_share, config.seed);
}

}  // namespace permafrost
