// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/source.h"

#include <exception>
#include <filesystem>
#include <numeric>
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

FrameRule rule_of(const VideoOptions& options, int place, int places) {
  return [sampling = sampling_of(options, places), place](std::int64_t frames) {
    return clip_indices(sampling, frames, place);
  };
}

std::vector<int> all_places(int places) {
  std::vector<int> all(static_cast<std::size_t>(places));
  std::iota(all.begin(), all.end(), 0);
  return all;
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

// A file, or a folder of frames.
std::vector<Clip> clips_of(const std::string& path, const std::vector<ClipRequest>& requests,
                           const DecodeOptions& options, DecodeStatistics* statistics = nullptr) {
  if (!is_folder(path)) return read_clips(path, requests, options, statistics);
  std::vector<Clip> clips;
  for (const auto& request : requests) clips.push_back(read_frame_folder(path, request, options));
  return clips;
}

// Clips, or the reason why there are none. `read` gets the file of an entry, the options with its
// part of the file, and the statistics.
template <typename Read>
ClipSet attempted(const ManifestEntry& entry, const VideoOptions& options, const Read& read) {
  const std::string path = entry.path.string();
  // Of a member, the name says more than the archive that FFmpeg was told of.
  const std::string member = entry.range.is_part() ? entry.name + ": " : "";
  VideoOptions own = options;
  own.decode.range = entry.range;
  ClipSet set;
  DecodeStatistics statistics;
  try {
    set.clips = read(path, own, &statistics);
  } catch (const Error& error) {
    set.failure = member + error.what();
  } catch (const std::exception& error) {
    set.failure = member + path + ": " + error.what();
  }
  set.decode_seconds = statistics.decode_seconds;
  set.scale_seconds = statistics.scale_seconds;
  return set;
}

Sample only_clip(ClipSet set) {
  if (!set.failure.empty()) return {{}, std::move(set.failure)};
  return {std::move(set.clips.front()), ""};
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
  const std::vector<ClipRequest> request{
      clip_request(rule_of(options_, place, places), view_of(options_))};
  return only_clip(attempted(
      entry(index), options_,
      [&](const std::string& path, const VideoOptions& own, DecodeStatistics* statistics) {
        return clips_of(path, request, own.decode, statistics);
      }));
}

ClipSet ManifestSource::read_all(std::int64_t index, int places) const {
  check_options(options_, 0, places);
  std::vector<ClipRequest> requests;
  ViewSpec view = view_of(options_);
  for (view.view = 0; view.view < view.views; ++view.view)
    for (const int place : all_places(places))
      requests.push_back(clip_request(rule_of(options_, place, places), view));
  return attempted(
      entry(index), options_,
      [&](const std::string& path, const VideoOptions& own, DecodeStatistics* statistics) {
        return clips_of(path, requests, own.decode, statistics);
      });
}

Sample ManifestSource::read_view(std::int64_t index, int place, int places,
                                 const Augmentation& augmentation) const {
  if (!augmentation.spec.active()) return read(index, place, places);
  check_options(options_, place, places);
  const std::vector<ViewDraw> draws{draw_view(augmentation, index, place, directional())};
  return only_clip(attempted(
      entry(index), options_,
      [&](const std::string& path, const VideoOptions& own, DecodeStatistics* statistics) {
        return read_clip_views(path, own, {place}, places, draws, statistics);
      }));
}

ClipSet ManifestSource::read_views(std::int64_t index, int places,
                                   const Augmentation& augmentation) const {
  if (!augmentation.spec.active() && views() == 1) return read_all(index, places);
  check_options(options_, 0, places);
  std::vector<ViewDraw> draws;
  for (const int place : all_places(places))
    draws.push_back(draw_view(augmentation, index, place, directional()));
  return attempted(
      entry(index), options_,
      [&](const std::string& path, const VideoOptions& own, DecodeStatistics* statistics) {
        return read_clip_views(path, own, all_places(places), places, draws, statistics);
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
  return std::move(clips_of(path, {clip_request(rule_of(options, place, places), view_of(options))},
                            options.decode)
                       .front());
}

std::vector<Clip> read_clip_views(const std::string& path, const VideoOptions& options,
                                  const std::vector<int>& which, int places,
                                  const std::vector<ViewDraw>& draws,
                                  DecodeStatistics* statistics) {
  const ViewSpec view = view_of(options);
  std::vector<ClipRequest> requests;
  for (std::size_t k = 0; k < which.size(); ++k) {
    const ViewDraw& draw = draws[k];
    const int place = which[k];
    ClipRequest request = clip_request(rule_of(options, place, places), view);
    request.frames = [&options, &draw, place, places](std::int64_t frames) {
      return view_indices(sampling_of(options, places), frames, place, draw);
    };
    request.render = [&draw, view](const ImageView& frame, std::uint8_t* out) {
      augment_frame(frame, draw, view, out);
    };
    requests.push_back(std::move(request));
  }
  std::vector<Clip> clips = clips_of(path, requests, options.decode, statistics);
  for (std::size_t k = 0; k < clips.size(); ++k) augment_clip(clips[k], draws[k]);
  return clips;
}

Clip read_clip_file(const std::string& path, const ClipShape& shape, int frame_step, int place,
                    int places) {
  return read_clip(path, {.shape = shape, .frame_step = frame_step}, place, places);
}

}  // namespace permafrost
