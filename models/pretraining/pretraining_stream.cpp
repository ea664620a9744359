// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/pretraining_stream.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/files/hash.h"
#include "common/random.h"
#include "datasets/clips/list_source.h"
#include "datasets/clips/weighted_source.h"
#include "datasets/lists/missing_files.h"
#include "datasets/synthetic/source.h"

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
  Target target(std::int64_t) const override { return {}; }
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
    choice.index =
        static_cast<std::int64_t>(stream.large_integer(static_cast<std::uint64_t>(real_->size())));
    choice.place = static_cast<int>(stream.integer(16));
    return choice;
  }
  std::unique_ptr<ClipSource> synthetic_, real_;
  double share_;
  std::uint64_t seed_;
};

// The lists of a configuration with their weights; one list has none.
std::vector<WeightedList> lists_of(const PretrainConfig& config) {
  const bool has_real = !config.real_manifest.empty() || !config.real_lists.empty();
  if (!has_real || config.real_share <= 0) return {};
  if (!config.real_lists.empty()) return config.real_lists;
  return {{.list = {.manifest = config.real_manifest}}};
}

Manifest read_list(const ListSpec& list) {
  return read_manifest(list.manifest, {.require_files = false,
                                       .labels_required = false,
                                       .labels_ignored = true,
                                       .root = list.root,
                                       .extension = list.extension,
                                       .separator = list.separator,
                                       .split = list.split});
}

Json told(const std::string& path, const Manifest& left, const std::vector<std::string>& missing) {
  constexpr std::size_t kTold = 5;
  const std::vector<std::string> first(
      missing.begin(),
      missing.begin() + static_cast<std::ptrdiff_t>(std::min(kTold, missing.size())));
  return {{"list", path},
          {"entries", left.entries.size() + missing.size()},
          {"missing", missing.size()},
          {"first_missing", first},
          {"identity", left.identity}};
}

std::unique_ptr<ClipSource> real_source(const PretrainConfig& config, RealLists real,
                                        const VideoOptions& video) {
  const std::vector<WeightedList> lists = lists_of(config);
  const auto opened = [&](std::size_t k) {
    return list_source(lists[k].list.manifest, std::move(real.lists[k]), video);
  };
  if (config.real_lists.empty()) return opened(0);
  std::vector<WeightedPart> parts;
  for (std::size_t k = 0; k < lists.size(); ++k) parts.push_back({opened(k), lists[k].weight});
  return std::make_unique<WeightedSource>(std::move(parts), config.seed);
}

}  // namespace

RealLists read_real_lists(const PretrainConfig& config) {
  RealLists real;
  if (config.real_missing_counted) real.missing = Json::array();
  for (const auto& [list, weight] : lists_of(config)) {
    Manifest manifest = read_list(list);
    if (config.real_missing_counted) {
      const auto missing = take_out_missing(manifest, list.manifest);
      real.missing.push_back(told(list.manifest, manifest, missing));
    } else {
      require_files(manifest, list.manifest);
    }
    real.lists.push_back(std::move(manifest));
  }
  return real;
}

std::unique_ptr<ClipSource> pretraining_stream(const PretrainConfig& config, RealLists real) {
  const ClipShape shape = config.encoder.clip_shape();
  auto synthetic =
      std::make_unique<synthetic::MixtureSource>(kEndless, shape, config.world_version);
  if (real.lists.empty()) return synthetic;
  VideoOptions video;
  video.shape = shape;
  video.frame_step = static_cast<int>(config.real_frame_step);
  return std::make_unique<MixedStream>(std::move(synthetic),
                                       real_source(config, std::move(real), video),
                                       config.real_share, config.seed);
}

std::unique_ptr<ClipSource> pretraining_stream(const PretrainConfig& config) {
  return pretraining_stream(config, read_real_lists(config));
}

}  // namespace permafrost
