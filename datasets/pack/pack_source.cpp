// SPDX-License-Identifier: Apache-2.0
#include "datasets/pack/pack_source.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "common/error.h"
#include "common/hash.h"

namespace permafrost {

PackSource::PackSource(const std::filesystem::path& folder, Manifest list,
                       const VideoOptions& options)
    : pack_(folder), list_(std::move(list)), options_(options) {
  check_options(options_, 0, 1);
  if (static_cast<std::int64_t>(list_.entries.size()) != pack_.size())
    throw InputError(folder.string(), "samples", std::to_string(pack_.size()),
                     std::to_string(list_.entries.size()));
}
PackSource::~PackSource() = default;

const ManifestEntry& PackSource::entry(std::int64_t index) const {
  pack_.sample(index);  // throws outside
  return list_.entries[static_cast<std::size_t>(index)];
}

int PackSource::label(std::int64_t index) const { return entry(index).label; }
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

Sample PackSource::cut(std::int64_t index, const FrameRule& rule, const Render& render) const {
  const PackedSample& packed = pack_.sample(index);
  Sample sample;
  sample.failure = packed.failure;
  if (!sample.failure.empty()) return sample;
  auto decoder = take_decoder();
  try {
    const auto indices = rule(packed.frames);
    const auto stored = static_cast<std::int64_t>(packed.stored.size());
    sample.clip = Clip(
        ClipShape{static_cast<int>(indices.size()), options_.shape.height, options_.shape.width});
    std::int64_t before = -1;
    for (std::size_t t = 0; t < indices.size(); ++t) {
      std::uint8_t* const pixels = sample.clip.frame(static_cast<int>(t));
      const std::int64_t frame = std::min(indices[t] / pack_.info().spec.every, stored - 1);
      if (frame == before)
        std::memcpy(pixels, sample.clip.frame(static_cast<int>(t) - 1), sample.clip.frame_bytes());
      else
        render(decoder->frame(pack_, index, frame), pixels);
      before = frame;
    }
  } catch (const std::exception& error) {
    sample.clip = {};
    sample.failure = error.what();
    return sample;  // the decoder may be in any state: another takes its place
  }
  give_back(std::move(decoder));
  return sample;
}

Sample PackSource::read(std::int64_t index, int place, int places) const {
  check_options(options_, place, places);
  const ViewSpec view = view_of(options_);
  return cut(
      index,
      [&](std::int64_t frames) {
        return clip_indices(sampling_of(options_, places), frames, place);
      },
      [&](const ImageView& frame, std::uint8_t* out) {
        resize_crop(frame, plan_view(frame.height, frame.width, view), view.antialias, out);
      });
}

Sample PackSource::read_view(std::int64_t index, int place, int places,
                             const Augmentation& augmentation) const {
  if (!augmentation.spec.active()) return read(index, place, places);
  check_options(options_, place, places);
  const ViewSpec view = view_of(options_);
  const ViewDraw draw = draw_view(augmentation, index, place, directional());
  Sample sample = cut(
      index,
      [&](std::int64_t frames) {
        return view_indices(sampling_of(options_, places), frames, place, draw);
      },
      [&](const ImageView& frame, std::uint8_t* out) { augment_frame(frame, draw, view, out); });
  if (sample.failure.empty()) augment_clip(sample.clip, draw);
  return sample;
}

std::string PackSource::identity() const {
  Sha256 labels;
  for (const auto& entry : list_.entries) labels.add(std::to_string(entry.label) + "\n");
  return sha256_of("pack " + pack_.info().identity + "\nlabels " + labels.hex() + "\n" +
                   cutting_text(options_));
}

}  // namespace permafrost
