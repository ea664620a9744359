// SPDX-License-Identifier: Apache-2.0
#pragma once

// MP4 files of clips, for synthetic data that is to go through the real decode path.
//
//   write_file_atomically("a.mp4", encode_video(clip, {.fps = 8}));
#include <string>

#include "datasets/clip.h"

namespace permafrost {

enum class VideoCoding {
  lossless,  // H.264 of RGB pixels: decoding gives the same bytes back
  h264,      // H.264 4:2:0 at constant rate factor 18: what cameras and sites write
};

struct VideoWriting {
  VideoCoding coding = VideoCoding::lossless;
  int fps = 8;
};

// The bytes of an MP4 file; the same bytes for the same clip and version of the encoder. Sides must
// be even for h264. Throws InputError for an empty clip or odd sides, and Error where this FFmpeg
// has no such encoder (or in a build without FFmpeg).
std::string encode_video(const Clip& clip, const VideoWriting& options = {});

}  // namespace permafrost
