// SPDX-License-Identifier: Apache-2.0
#include "datasets/rendered/video_writer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"
#include "datasets/clips/source.h"
#include "datasets/synthetic/source.h"

namespace permafrost {
namespace video_writer_test {

using synthetic::Split;
using synthetic::SyntheticTask;

class VideoWriterTest : public testing::Test {
 protected:
  // Every frame of the file.
  Clip read_back(const std::string& bytes, const ClipShape& shape) const {
    write_file_atomically(file_, bytes);
    const auto all = [](std::int64_t frames) {
      std::vector<std::int64_t> indices;
      for (std::int64_t k = 0; k < frames; ++k) indices.push_back(k);
      return indices;
    };
    return read_frames(file_.string(), all, {.height = shape.height, .width = shape.width});
  }
  const TestFolder folder_;
  const std::filesystem::path file_ = folder_ / "clip.mp4";
  const Clip clip_ =
      synthetic::TaskSource(SyntheticTask::motion, Split::test, 3, {8, 48, 48}).read(1, 0, 1).clip;
};

TEST_F(VideoWriterTest, LosslessGivesTheSamePixels) {
  const std::string bytes = encode_video(clip_);
  EXPECT_EQ(read_back(bytes, clip_.shape).pixels, clip_.pixels);
  EXPECT_EQ(encode_video(clip_), bytes);
  const VideoInfo info = probe_video(file_.string(), true);
  EXPECT_EQ(info.frames, 8);
  EXPECT_EQ(info.codec, "h264");
  EXPECT_DOUBLE_EQ(info.fps, 8);
}

TEST_F(VideoWriterTest, LosslessTakesOddSidesAndOneFrame) {
  const Clip odd =
      synthetic::TaskSource(SyntheticTask::object, Split::test, 3, {1, 33, 35}).read(1, 0, 1).clip;
  EXPECT_EQ(read_back(encode_video(odd), odd.shape).pixels, odd.pixels);
}

TEST_F(VideoWriterTest, H264IsNear) {
  const Clip back = read_back(encode_video(clip_, {.coding = VideoCoding::h264}), clip_.shape);
  double squares = 0;
  for (std::size_t i = 0; i < clip_.pixels.size(); ++i) {
    const double d = double{1} * clip_.pixels[i] - back.pixels[i];
    squares += d * d;
  }
  const double psnr =
      10 * std::log10(255.0 * 255.0 * static_cast<double>(clip_.pixels.size()) / squares);
  EXPECT_GT(psnr, 20) << psnr;  // colour at half the resolution is most of it
  EXPECT_NE(back.pixels, clip_.pixels);
}

TEST_F(VideoWriterTest, WhatCannotBeEncodedIsRefused) {
  EXPECT_THROW(encode_video({}), InputError);
  EXPECT_THROW(encode_video(Clip({2, 33, 32}), {.coding = VideoCoding::h264}), InputError);
}

}  // namespace video_writer_test
}  // namespace permafrost
