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
void check_options(const VideoOptions& options, int place, int places) {
  clip_indices(sampling_of(options, places), 1, place);
  plan_view(1, 1, view_of(options));
}

namespace {

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

// A clip, or the reason why there is none. `read` gets the file of an entry, and the options with
// its part of the file.
template <typename Read>
Sample attempted(const ManifestEntry& entry, const VideoOptions& options, const Read& read) {
  const std::string path = entry.path.string();
  // Of a member, the name says more than the archive that FFmpeg was told of.
  const std::string member = entry.range.is_part() ? entry.name + ": " : "";
  VideoOptions own = options;
  own.decode.range = entry.range;
  Sample sample;
  try {
    sample.clip = read(path, own);
  } catch (const Error& error) {
    sample.failure = member + error.what();
  } catch (const std::exception& error) {
    sample.failure = member + path + ": " + error.what();
  }
  return sample;
}

}  // namespace

ManifestSource::ManifestSource(Manifest manifest, const VideoOptions& options)
    : manifest_(std::move(manifest)), options_(options) {
  check_options(options_, 0, 1);
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
  check_options(options_, place, places);
  return attempted(entry(index), options_, [&](const std::string& path, const VideoOptions& own) {
    return read_clip(path, own, place, places);
  });
}

Sample ManifestSource::read_view(std::int64_t index, int place, int places,
                                 const Augmentation& augmentation) const {
  if (!augmentation.spec.active()) return read(index, place, places);
  check_options(options_, place, places);
  const ViewDraw draw = draw_view(augmentation, index, place, directional());
  return attempted(entry(index), options_, [&](const std::string& path, const VideoOptions& own) {
    return read_clip_view(path, own, place, places, draw);
  });
}

std::string cutting_text(const VideoOptions& options) {
  std::string text = "shape";
  for (const int side : {options.shape.frames, options.shape.height, options.shape.width}) {
    text += ' ' + std::to_string(side);
  }
  text += "\nsampling " + std::to_string(options.frame_step) + ' ' +
          std::to_string(options.allow_overlap);
  text += "\ntransform " + std::string(kTransformVersion) + ' ' +
          std::to_string(options.short_side) + ' ' + std::to_string(options.antialias) + '\n';
  // Keys of what was measured with one view are older than views.
  if (options.views > 1) {
    text += "view " + std::to_string(options.view) + ' ' + std::to_string(options.views) + '\n';
  }
  return text;
}

std::string ManifestSource::identity() const {
  return sha256_of("manifest " + manifest_.identity + "\n" + cutting_text(options_));
}

std::vector<std::int64_t> view_indices(const ClipSampling& sampling, std::int64_t frames, int place,
                                       const ViewDraw& draw) {
  if (!draw.spec.random_clip) return clip_indices(sampling, frames, place);
  // Made anew for every call: the rule may be asked twice.
  RandomStream stream = draw.stream("clip");
  return random_clip_indices(sampling, frames, place, stream);
}

Clip read_clip(const std::string& path, const VideoOptions& options, int place, int places) {
  const FrameRule rule = [&](std::int64_t frames) {
    return clip_indices(sampling_of(options, places), frames, place);
  };
  if (is_folder(path))
    return read_frame_folder(path, clip_request(rule, view_of(options)), options.decode);
  return read_frames(path, rule, view_of(options), options.decode);
}

Clip read_clip_view(const std::string& path, const VideoOptions& options, int place, int places,
                    const ViewDraw& draw) {
  const ViewSpec view = view_of(options);
  ClipRequest request = clip_request({}, view);
  request.frames = [&](std::int64_t frames) {
    return view_indices(sampling_of(options, places), frames, place, draw);
  };
  request.render = [&](const ImageView& frame, std::uint8_t* out) {
    augment_frame(frame, draw, view, out);
  };
  Clip clip = is_folder(path) ? read_frame_folder(path, request, options.decode)
                              : std::move(read_clips(path, {request}, options.decode).front());
  augment_clip(clip, draw);
  return clip;
}

Clip read_clip_file(const std::string& path, const ClipShape& shape, int frame_step, int place,
                    int places) {
  return read_clip(path, {.shape = shape, .frame_step = frame_step}, place, places);
}

}  // namespace permafrost
