// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/cut_source.h"

#include <numeric>
#include <utility>

#include "datasets/frames/sampling.h"

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
void check_options(const VideoOptions& options, int place, int places) {
  clip_indices(sampling_of(options, places), 1, place);
  plan_view(1, 1, view_of(options));
}

// `draw` must outlive the request.
ClipRequest training_request(const VideoOptions& options, int place, int places,
                             const ViewDraw& draw) {
  ClipRequest request = clip_request(options, place, places);
  const ClipSampling sampling = sampling_of(options, places);
  if (draw.spec.random_clip)
    request.frames = [sampling, place, &draw](std::int64_t frames) {
      // Made anew for every call: the rule may be asked twice.
      RandomStream stream = draw.stream("clip");
      return random_clip_indices(sampling, frames, place, stream);
    };
  request.render = [&draw, view = view_of(options)](const ImageView& frame, std::uint8_t* out) {
    augment_frame(frame, draw, view, out);
  };
  return request;
}

std::vector<int> all_places(int places) {
  std::vector<int> all(static_cast<std::size_t>(places));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

Sample only_clip(ClipSet set) {
  if (!set.failure.empty()) return {{}, std::move(set.failure)};
  return {std::move(set.clips.front()), ""};
}

}  // namespace

ClipRequest clip_request(const VideoOptions& options, int place, int places) {
  check_options(options, place, places);
  const auto rule = [sampling = sampling_of(options, places), place](std::int64_t frames) {
    return clip_indices(sampling, frames, place);
  };
  return clip_request(rule, view_of(options));
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

CutSource::CutSource(const VideoOptions& options) : options_(options) {
  check_options(options_, 0, 1);
}

Sample CutSource::read(std::int64_t index, int place, int places) const {
  return only_clip(cut(index, {clip_request(options_, place, places)}));
}

ClipSet CutSource::read_all(std::int64_t index, int places) const {
  std::vector<ClipRequest> requests;
  VideoOptions shown = options_;
  for (shown.view = 0; shown.view < shown.views; ++shown.view)
    for (const int place : all_places(places))
      requests.push_back(clip_request(shown, place, places));
  return cut(index, requests);
}

ClipSet CutSource::augmented_clips(std::int64_t index, const std::vector<int>& which, int places,
                                   const Augmentation& augmentation) const {
  std::vector<ViewDraw> draws;
  for (const int place : which)
    draws.push_back(draw_view(augmentation, index, place, directional()));
  std::vector<ClipRequest> requests;
  for (std::size_t k = 0; k < which.size(); ++k)
    requests.push_back(augmentation.spec.active()
                           ? training_request(options_, which[k], places, draws[k])
                           : clip_request(options_, which[k], places));
  ClipSet set = cut(index, requests);
  if (augmentation.spec.active())
    for (std::size_t k = 0; k < set.clips.size(); ++k) augment_clip(set.clips[k], draws[k]);
  return set;
}

Sample CutSource::read_view(std::int64_t index, int place, int places,
                            const Augmentation& augmentation) const {
  return only_clip(augmented_clips(index, {place}, places, augmentation));
}

ClipSet CutSource::read_views(std::int64_t index, int places,
                              const Augmentation& augmentation) const {
  return augmented_clips(index, all_places(places), places, augmentation);
}

}  // namespace permafrost
