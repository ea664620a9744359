// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/source.h"

#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/error.h"
#include "common/hash.h"
#include "datasets/video/frame_folder.h"

namespace permafrost {
namespace {

ViewSpec view_of(const VideoOptions& options) {
  return {.height = options.shape.height,
          .width = options.shape.width,
          .short_side = options.short_side,
          .view = options.view,
          .views = options.views,
          .antialias = options.antialias};
}

ClipSampling sampling_of(const VideoOptions& options, int places) {
  return {.frames = options.shape.frames,
          .frame_step = options.frame_step,
          .clips = places,
          .allow_overlap = options.allow_overlap};
}

// Mistakes of the caller must not become failures of every sample.
void check(const VideoOptions& options, int place, int places) {
  clip_indices(sampling_of(options, places), 1, place);
  plan_view(1, 1, view_of(options));
}

// A clip, or the reason why there is none.
template <typename Read>
Sample attempted(const std::string& path, const Read& read) {
  Sample sample;
  try {
    sample.clip = read();
  } catch (const Error& error) {
    sample.failure = error.what();
  } catch (const std::exception& error) {
    sample.failure = path + ": " + error.what();
  }
  return sample;
}

}  // namespace

ManifestSource::ManifestSource(Manifest manifest, const VideoOptions& options)
    : manifest_(std::move(manifest)), options_(options) {
  check(options_, 0, 1);
}

const ManifestEntry& ManifestSource::entry(std::int64_t index) const {
  if (index < 0 || index >= size()) {
    throw InputError("manifest", "index", "0 to " + std::to_string(size() - 1),
                     std::to_string(index));
  }
  return manifest_.entries[static_cast<std::size_t>(index)];
}

std::int64_t ManifestSource::size() const {
  return static_cast<std::int64_t>(manifest_.entries.size());
}

int ManifestSource::label(std::int64_t index) const { return entry(index).label; }

std::int64_t ManifestSource::group(std::int64_t index) const { return entry(index).group; }

std::string ManifestSource::name(std::int64_t index) const { return entry(index).name; }

Sample ManifestSource::read(std::int64_t index, int place, int places) const {
  const std::string path = entry(index).path.string();
  check(options_, place, places);
  return attempted(path, [&] { return read_clip(path, options_, place, places); });
}

Sample ManifestSource::read_view(std::int64_t index, int place, int places,
                                 const Augmentation& augmentation) const {
  if (!augmentation.spec.active()) return read(index, place, places);
  const std::string path = entry(index).path.string();
  check(options_, place, places);
  const ViewDraw draw = draw_view(augmentation, index, place, directional());
  return attempted(path, [&] { return read_clip_view(path, options_, place, places, draw); });
}

std::string ManifestSource::identity() const {
  std::string text = "manifest " + manifest_.identity + "\nshape";
  for (const int side : {options_.shape.frames, options_.shape.height, options_.shape.width}) {
    text += ' ' + std::to_string(side);
  }
  text += "\nsampling " + std::to_string(options_.frame_step) + ' ' +
          std::to_string(options_.allow_overlap);
  text += "\ntransform " + std::string(kTransformVersion) + ' ' +
          std::to_string(options_.short_side) + ' ' + std::to_string(options_.antialias) + '\n';
  // Keys of what was measured with one view are older than views.
  if (options_.views > 1) {
    text += "view " + std::to_string(options_.view) + ' ' + std::to_string(options_.views) + '\n';
  }
  return sha256_of(text);
}

Clip read_clip(const std::string& path, const VideoOptions& options, int place, int places) {
  const FrameRule rule = [&](std::int64_t frames) {
    return clip_indices(sampling_of(options, places), frames, place);
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return read_frame_folder(path, rule, view_of(options), options.decode);
  return read_frames(path, rule, view_of(options), options.decode);
}

Clip read_clip_view(const std::string& path, const VideoOptions& options, int place, int places,
                    const ViewDraw& draw) {
  const ViewSpec view = view_of(options);
  ClipRequest request = clip_request({}, view);
  request.frames = [&](std::int64_t frames) {
    if (!draw.spec.random_clip) return clip_indices(sampling_of(options, places), frames, place);
    // Made anew for every call: the rule may be asked twice.
    RandomStream stream = draw.stream("clip");
    return random_clip_indices(sampling_of(options, places), frames, place, stream);
  };
  request.render = [&](const ImageView& frame, std::uint8_t* out) {
    augment_frame(frame, draw, view, out);
  };
  Clip clip = std::move(read_clips(path, {request}, options.decode).front());
  augment_clip(clip, draw);
  return clip;
}

Clip read_clip_file(const std::string& path, const ClipShape& shape, int frame_step, int place,
                    int places) {
  return read_clip(path, {.shape = shape, .frame_step = frame_step}, place, places);
}

}  // namespace permafrost
