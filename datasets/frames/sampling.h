// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which frames of a video make a clip: V-JEPA's rule, with deterministic placement for evaluation,
// so that the same file gives the same clip in every run, and a random one for training.
//
//   clip_indices({.frames = 16, .frame_step = 4}, 300, 0);   // 0 4 8 12 17 21 ... 59 63
#include <cstdint>
#include <vector>

#include "common/random.h"

namespace permafrost {

struct ClipSampling {
  int frames = 16;            // frames of one clip
  int frame_step = 4;         // a clip covers frames * frame_step frames of the video
  int clips = 1;              // clips of one video, in equal parts of it
  bool allow_overlap = true;  // how short videos are treated; true in every evaluation protocol
};

// The frame indices of clip `clip` in [0, sampling.clips) of a video of `video_length` frames:
// `sampling.frames` ascending values in [0, video_length), the last one repeated where the video is
// too short. Source: facebookresearch/jepa, src/datasets/video_dataset.py, clip end at its first
// possible place. The spacing is L/(F-1) with L = F*step, not step.
//
// One deviation: the reference asks for frame -1 of a video of a single frame (and of every part
// that is empty); here such indices become 0.
//
// Throws InputError when a count is below 1 or `clip` is outside of its range.
std::vector<std::int64_t> clip_indices(const ClipSampling& sampling, std::int64_t video_length,
                                       int clip);

// The same with the clip at a random place of its part, where the part is longer than the clip; all
// placements are equally likely. Elsewhere, as in the reference, there is no choice, and nothing is
// drawn.
std::vector<std::int64_t> random_clip_indices(const ClipSampling& sampling,
                                              std::int64_t video_length, int clip,
                                              RandomStream& stream);

}  // namespace permafrost
