// SPDX-License-Identifier: Apache-2.0
// The video writer of a build with PERMAFROST_FFMPEG=OFF.
#include "common/error.h"
#include "datasets/rendered/video_writer.h"

namespace permafrost {

std::string encode_video(const Clip&, const VideoWriting&) {
  throw Error("video encoder: this program was built without FFmpeg (PERMAFROST_FFMPEG=OFF)");
}

}  // namespace permafrost
