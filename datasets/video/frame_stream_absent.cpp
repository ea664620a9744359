// SPDX-License-Identifier: Apache-2.0
// stream_frames() of a build with PERMAFROST_FFMPEG=OFF.
#include "common/error.h"
#include "datasets/video/frame_stream.h"

namespace permafrost {

std::int64_t stream_frames(const std::filesystem::path& path, int,
                           const std::function<void(const ImageView&)>&, const DecodeOptions&) {
  throw Error(path.string() +
              ": cannot be read: this program was built without FFmpeg (PERMAFROST_FFMPEG=OFF)");
}

}  // namespace permafrost
