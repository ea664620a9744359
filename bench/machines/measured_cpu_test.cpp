// SPDX-License-Identifier: Apache-2.0
#include "bench/machines/measured_cpu.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/testing/test_folder.h"
#ifdef PERMAFROST_FFMPEG
#include "datasets/testing/test_video.h"
#endif

namespace permafrost {
namespace measured_cpu_test {

TEST(MeasuredCpu, IsADescriptionThatCanBeRead) {
  at::set_num_threads(1);
  const Machine machine = measured_cpu({}, 0.01);
  const Machine read = parse_machine(Json::parse(to_json(machine).dump()), "measured");
  EXPECT_FALSE(read.gpu);
  EXPECT_EQ(read.devices, read.cores);
  // Slower than any machine that the program runs on, faster than any core there is.
  for (const double rate : {read.frozen, read.tuned, read.heads}) {
    EXPECT_GT(rate, 1e7);
    EXPECT_LT(rate, 1e13);
  }
  EXPECT_GT(read.drawn_pixels, 1e4);
  EXPECT_EQ(read.decoded_clips, reference_core().decoded_clips);
}

TEST(MeasuredCpu, DecodesAVideo) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#else
  at::set_num_threads(1);
  const TestFolder folder;
  write_test_video(folder / "a.mov", {.frames = grey_frames(12, 60, 80)});
  EXPECT_THROW(measured_cpu(folder / "none.mov", 0.01), InputError);
  const double clips = measured_cpu(folder / "a.mov", 0.01).decoded_clips;
  EXPECT_GT(clips, 0.1);
  EXPECT_NE(clips, reference_core().decoded_clips);
#endif
}

}  // namespace measured_cpu_test
}  // namespace permafrost
