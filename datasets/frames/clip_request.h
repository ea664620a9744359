// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips that are wanted of a video: which frames, what becomes of each, and all of them from one
// pass through it.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "datasets/clip.h"
#include "datasets/frames/transform.h"

namespace permafrost {

// Chooses the frames of a clip, given how many the video has: ascending indices, which may repeat.
using FrameRule = std::function<std::vector<std::int64_t>(std::int64_t frames)>;

struct ClipRequest {
  FrameRule frames;
  int height = 0;
  int width = 0;
  // Makes one frame of the clip, `out` [height,width,3], from the upright RGB frame at its full
  // size. A frame that the rule names several times is made once and copied.
  std::function<void(const ImageView& frame, std::uint8_t* out)> render;
};

// Resized and cropped by `view`.
ClipRequest clip_request(FrameRule frames, const ViewSpec& view);

// A frame of one of the clips.
struct WantedFrame {
  std::int64_t frame = 0;  // of the video
  std::size_t clip = 0;
  int slot = 0;
};

// What the rules ask of a video of so many frames, ascending, with clips of the right shape to
// fill. Throws InputError naming `where` for frames that the video does not have.
std::vector<WantedFrame> wanted_frames(const std::string& where,
                                       const std::vector<ClipRequest>& requests,
                                       std::int64_t frames, std::vector<Clip>& clips);

// Puts the picture of frame wanted[next].frame into every place that wants it, and `next` behind
// them.
void render_wanted(const ImageView& picture, const std::vector<ClipRequest>& requests,
                   const std::vector<WantedFrame>& wanted, std::size_t& next,
                   std::vector<Clip>& clips);

}  // namespace permafrost
