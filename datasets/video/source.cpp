// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/source.h"

#include <exception>
#include <numeric>
#include <utility>

#include "common/error.h"
#include "common/hash.h"

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
void check(const VideoOptions& options, int place, int places) {
  clip_indices(sampling_of(options, places), 1, place);
  plan_view(1, 1, view_of(options));
}

// Clips, or the reason why there are none. `read` takes the statistics.
template <typename Read>
ClipSet attempted(const std::string& path, const Read& read) {
  ClipSet set;
  DecodeStatistics statistics;
  try {
    set.clips = read(&statistics);
  } catch (const Error& error) {
    set.failure = error.what();
  } catch (const std::exception& error) {
    set.failure = path + ": " + error.what();
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
  const std::vector<ClipRequest> request{
      clip_request(rule_of(options_, place, places), view_of(options_))};
  return only_clip(attempted(path, [&](DecodeStatistics* statistics) {
    return read_clips(path, request, options_.decode, statistics);
  }));
}

ClipSet ManifestSource::read_all(std::int64_t index, int places) const {
  const std::string path = entry(index).path.string();
  check(options_, 0, places);
  std::vector<ClipRequest> requests;
  ViewSpec view = view_of(options_);
  for (view.view = 0; view.view < view.views; ++view.view)
    for (const int place : all_places(places))
      requests.push_back(clip_request(rule_of(options_, place, places), view));
  return attempted(path, [&](DecodeStatistics* statistics) {
    return read_clips(path, requests, options_.decode, statistics);
  });
}

Sample ManifestSource::read_view(std::int64_t index, int place, int places,
                                 const Augmentation& augmentation) const {
  if (!augmentation.spec.active()) return read(index, place, places);
  const std::string path = entry(index).path.string();
  check(options_, place, places);
  const std::vector<ViewDraw> draws{draw_view(augmentation, index, place, directional())};
  return only_clip(attempted(path, [&](DecodeStatistics* statistics) {
    return read_clip_views(path, options_, {place}, places, draws, statistics);
  }));
}

ClipSet ManifestSource::read_views(std::int64_t index, int places,
                                   const Augmentation& augmentation) const {
  if (!augmentation.spec.active() && views() == 1) return read_all(index, places);
  const std::string path = entry(index).path.string();
  check(options_, 0, places);
  std::vector<ViewDraw> draws;
  for (const int place : all_places(places))
    draws.push_back(draw_view(augmentation, index, place, directional()));
  return attempted(path, [&](DecodeStatistics* statistics) {
    return read_clip_views(path, options_, all_places(places), places, draws, statistics);
  });
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
  return read_frames(path, rule_of(options, place, places), view_of(options), options.decode);
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
    if (draw.spec.random_clip)
      request.frames = [&options, &draw, place, places](std::int64_t frames) {
        // Made anew for every call: the rule may be asked twice.
        RandomStream stream = draw.stream("clip");
        return random_clip_indices(sampling_of(options, places), frames, place, stream);
      };
    request.render = [&draw, view](const ImageView& frame, std::uint8_t* out) {
      augment_frame(frame, draw, view, out);
    };
    requests.push_back(std::move(request));
  }
  std::vector<Clip> clips = read_clips(path, requests, options.decode, statistics);
  for (std::size_t k = 0; k < clips.size(); ++k) augment_clip(clips[k], draws[k]);
  return clips;
}

Clip read_clip_file(const std::string& path, const ClipShape& shape, int frame_step, int place,
                    int places) {
  return read_clip(path, {.shape = shape, .frame_step = frame_step}, place, places);
}

}  // namespace permafrost
