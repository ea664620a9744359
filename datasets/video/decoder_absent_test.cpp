// SPDX-License-Identifier: Apache-2.0
// Only in builds with PERMAFROST_FFMPEG=OFF.
#include <gtest/gtest.h>

#include "common/error.h"
#include "datasets/clips/source.h"

namespace permafrost {
namespace decoder_absent_test {

TEST(DecoderAbsent, SaysSo) {
  try {
    probe_video("clip.mp4");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(
        error.what(),
        "clip.mp4: video stream: expected a build that reads video files, found this build "
        "reads no video files (PERMAFROST_FFMPEG=OFF)");
  }
  EXPECT_THROW(read_clip_file("clip.mp4", ClipShape{4, 8, 8}, 1), InputError);
}

}  // namespace decoder_absent_test
}  // namespace permafrost
