// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/pack_source.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "common/error.h"
#include "common/files/hash.h"

namespace permafrost {

PackSource::PackSource(const std::filesystem::path& folder, Manifest list,
                       const VideoOptions& options)
    : CutSource(options), pack_(folder), list_(std::move(list)) {
  if (static_cast<std::int64_t>(list_.entries.size()) != pack_.size())
    throw InputError(folder.string(), "samples", std::to_string(pack_.size()),
                     std::to_string(list_.entries.size()));
}
PackSource::~PackSource() = default;

const ManifestEntry& PackSource::entry(std::int64_t index) const {
  pack_.sample(index);  // throws outside
  return list_.entries[static_cast<std::size_t>(index)];
}

Target PackSource::target(std::int64_t index) const { return target_of(entry(index)); }
std::int64_t PackSource::group(std::int64_t index) const { return entry(index).group; }
std::string PackSource::name(std::int64_t index) const { return entry(index).name; }

std::unique_ptr<FrameDecoder> PackSource::take_decoder() const {
  const std::lock_guard lock(mutex_);
  if (decoders_.empty()) return std::make_unique<FrameDecoder>();
  auto decoder = std::move(decoders_.back());
  decoders_.pop_back();
  return decoder;
}

void PackSource::give_back(std::unique_ptr<FrameDecoder> decoder) const {
  const std::lock_guard lock(mutex_);
  decoders_.push_back(std::move(decoder));
}

std::vector<Clip> PackSource::cut(const PackedSample& packed, std::int64_t index,
                                  std::vector<ClipRequest> requests, FrameDecoder& decoder) const {
  const auto stored = static_cast<std::int64_t>(packed.stored.size());
  for (auto& request : requests)
    request.frames = [&, rule = request.frames](std::int64_t) {
      auto indices = rule(packed.frames);
      for (auto& i : indices) i = std::min(i / pack_.info().spec.every, stored - 1);
      return indices;
    };
  std::vector<Clip> clips;
  const auto wanted = wanted_frames(packed.name, requests, stored, clips);
  for (std::size_t next = 0; next < wanted.size();)
    render_wanted(decoder.frame(pack_, index, wanted[next].frame), requests, wanted, next, clips);
  return clips;
}

ClipSet PackSource::cut(std::int64_t index, const std::vector<ClipRequest>& requests) const {
  const PackedSample& packed = pack_.sample(index);
  if (!packed.failure.empty()) return {.clips = {}, .failure = packed.failure};
  auto decoder = take_decoder();
  ClipSet set;
  try {
    set.clips = cut(packed, index, requests, *decoder);
  } catch (const std::exception& error) {
    set.failure = error.what();
    return set;  // the decoder may be in any state: another takes its place
  }
  give_back(std::move(decoder));
  return set;
}

std::string PackSource::identity() const {
  Sha256 labels;
  for (const auto& entry : list_.entries) labels.add(label_text(entry) + "\n");
  return sha256_of("pack " + pack_.info().identity + "\nlabels " + labels.hex() + "\n" +
                   cutting_text(options()));
}

}  // namespace permafrost
