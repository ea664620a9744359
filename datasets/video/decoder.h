// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pixels from video and image files through FFmpeg. No FFmpeg type leaves this header; in a build
// with PERMAFROST_FFMPEG=OFF every function throws InputError.
//
// Frames are numbered in presentation order. Decoding begins at the start of the file, or at a
// later key frame where the time stamps leave no doubt about the numbers behind it; one thread
// decodes a file. The video is the first stream that the container marks as default, else the
// first, cover art aside. Frames are shown upright (display matrix applied), pixel aspect ratio is
// ignored, HDR is not tone-mapped. Nothing but the named file is ever opened, whatever playlists or
// references it holds. All functions are thread-safe.
//
//   const auto first_four = [](std::int64_t) { return std::vector<std::int64_t>{0, 1, 2, 3}; };
//   const Clip clip = read_frames("clip.mp4", first_four, {.height = 64, .width = 64});
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/clip.h"
#include "datasets/frames/clip_request.h"
#include "datasets/frames/transform.h"
#include "datasets/images/file_part.h"

namespace permafrost {

struct DecodeOptions {
  double stall_seconds = 10;  // a file that gives no packet for so long is given up
  FilePart range;             // the part of the file that is read as one, of archives
  int stream = -1;            // number in the container; -1: the default video stream
  // Memory for the packets of one file; a larger file is read twice.
  std::int64_t kept_bytes = std::int64_t{64} << 20;
  // False: always decode from the start, and every frame. The frames are the same.
  bool random_access = true;
};

// How often frames were taken by which way, and where the time went; for benchmarks and the loader.
struct DecodeStatistics {
  std::int64_t decoded = 0;    // frames
  std::int64_t entries = 0;    // times that decoding began at a key frame behind the start
  std::int64_t fallbacks = 0;  // files that were decoded anew from the start
  double decode_seconds = 0;   // opening and reading included
  double scale_seconds = 0;    // colour conversion, scaling, augmentation
};

struct VideoInfo {
  int width = 0;  // upright
  int height = 0;
  int rotation = 0;         // clockwise turn that was applied: 0, 90, 180, 270
  std::int64_t frames = 0;  // decoded frames, or packets where nothing was decoded
  bool frames_exact = false;
  double fps = 0;       // average; 0 if unknown
  double duration = 0;  // seconds; 0 if unknown
  std::string codec;
  std::string container;
  bool still = false;  // an image file
};

// `decode` counts the frames by decoding all of them. Throws InputError as read_frames.
VideoInfo probe_video(const std::string& path, bool decode = false,
                      const DecodeOptions& options = {});

// All clips and views of a sample in one pass through the file, in the order of the requests; a
// frame that several want is decoded and converted once. Errors as read_frames.
std::vector<Clip> read_clips(const std::string& path, const std::vector<ClipRequest>& requests,
                             const DecodeOptions& options = {},
                             DecodeStatistics* statistics = nullptr);

// The frames that `rule` names, resized and cropped by `view`; an image is a video of one frame.
// Only wanted frames are converted, and one at a time is held at its full size.
//
// The number of frames is first taken from the packets; if decoding ends before the last wanted
// frame, the rule is asked again with the number that was decoded.
//
// Throws InputError(path, "video stream", ...) for a file that cannot be read, has no video, is
// encrypted, stalls, or gives no frame, and for an index outside of the video.
Clip read_frames(const std::string& path, const FrameRule& rule, const ViewSpec& view,
                 const DecodeOptions& options = {});

}  // namespace permafrost
