// SPDX-License-Identifier: Apache-2.0
// Stands in for decoder.cpp where the build has no FFmpeg.
#include "common/error.h"
#include "datasets/video/decoder.h"

namespace permafrost {
namespace {

[[noreturn]] void refuse(const std::string& path) {
  throw InputError(path, "video stream", "a build that reads video files",
                   "this build reads no video files (PERMAFROST_FFMPEG=OFF)");
}

}  // namespace

VideoInfo probe_video(const std::string& path, bool, const DecodeOptions&) { refuse(path); }

std::vector<Clip> read_clips(const std::string& path, const std::vector<ClipRequest>&,
                             const DecodeOptions&, DecodeStatistics*) {
  refuse(path);
}

Clip read_frames(const std::string& path, const FrameRule&, const ViewSpec&, const DecodeOptions&) {
  refuse(path);
}

}  // namespace permafrost
