// SPDX-License-Identifier: Apache-2.0
#pragma once

// Videos of any length as frames, one after the other: for encoders that look at a whole film
// window by window. Nothing of it is kept.
//
//   const LongVideo film = long_video_of_file("film.mp4", {.height = 48, .width = 48}, 4);
//   film.show([&](std::int64_t number, const std::uint8_t* pixels) { return true; });
#include <cstdint>
#include <functional>
#include <string>

#include "datasets/clip.h"
#include "datasets/synthetic/scene.h"
#include "datasets/video/decoder.h"

namespace permafrost {

// Is given a frame, RGB [height,width,3] and valid during the call, and its number in the video.
using FrameUse = std::function<void(std::int64_t number, const std::uint8_t* pixels)>;

struct LongVideo {
  std::string name;
  int height = 0, width = 0;
  // Frames that show() will give, where it is known before; of a file as its packets promise them,
  // so it may be a few off. 0: not known.
  std::int64_t expected = 0;
  double fps = 0;      // of the video, before frames are left out; 0: not known
  std::string origin;  // all that decides the frames, as text
  // Gives every frame in order. May be called again. Throws InputError as read_frames (decoder.h).
  std::function<void(const FrameUse&)> show;
};

// Every `step`-th frame of a video, an image or a folder of frames, resized and cropped by `view`.
// Throws InputError for a file that cannot be read.
LongVideo long_video_of_file(const std::string& path, const ViewSpec& view, int step,
                             const DecodeOptions& options = {});

// `frames` frames of the synthetic world: the test samples of a task from number `first` on, one
// after the other, of `shape.frames` frames each.
LongVideo long_video_of_world(const synthetic::SceneName& first, const ClipShape& shape,
                              std::int64_t frames);

}  // namespace permafrost
