// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/long_video.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/files/files.h"
#include "common/testing/test_folder.h"
#include "datasets/clips/source.h"
#include "datasets/rendered/video_writer.h"

namespace permafrost {
namespace long_video_test {

constexpr ClipShape kShape{8, 16, 24};
const synthetic::SceneName kFirst{synthetic::SyntheticTask::motion, synthetic::Split::test, 5};

struct Shown {
  std::vector<std::int64_t> numbers;
  std::vector<std::uint8_t> pixels;
};

Shown all_of(const LongVideo& film) {
  Shown shown;
  film.show([&](std::int64_t number, const std::uint8_t* pixels) {
    shown.numbers.push_back(number);
    shown.pixels.insert(shown.pixels.end(), pixels, pixels + film.height * film.width * 3);
  });
  return shown;
}

TEST(LongVideo, OfTheWorldShowsItsSamplesOneAfterTheOther) {
  const LongVideo film = long_video_of_world(kFirst, kShape, 19);
  EXPECT_EQ(film.expected, 19);
  const Shown shown = all_of(film);
  ASSERT_EQ(shown.numbers.size(), 19U);
  EXPECT_EQ(shown.numbers.back(), 18);
  std::vector<std::uint8_t> expected;
  for (int k = 0; k < 3; ++k) {
    synthetic::SceneName name = kFirst;
    name.index += k;
    const Clip clip = synthetic::render(synthetic::draw_scene(name), kShape);
    expected.insert(expected.end(), clip.pixels.begin(), clip.pixels.end());
  }
  expected.resize(shown.pixels.size());
  EXPECT_EQ(shown.pixels, expected);
  EXPECT_EQ(all_of(film).pixels, shown.pixels);  // once more
}

TEST(LongVideo, OfAFileShowsEveryNthFrame) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  Clip film(ClipShape{21, 16, 24});
  Shown expected = all_of(long_video_of_world(kFirst, kShape, 21));
  film.pixels = expected.pixels;
  const TestFolder folder;
  const std::string path = (folder / "film.mp4").string();
  write_file_atomically(path, encode_video(film, {.fps = 8}));
  const LongVideo every = long_video_of_file(path, {.height = 16, .width = 24}, 1);
  EXPECT_EQ(every.expected, 21);
  EXPECT_DOUBLE_EQ(every.fps, 8);
  EXPECT_EQ(all_of(every).pixels, expected.pixels);
  const LongVideo fourth = long_video_of_file(path, {.height = 16, .width = 24}, 4);
  EXPECT_EQ(fourth.expected, 6);
  const Shown shown = all_of(fourth);
  EXPECT_EQ(shown.numbers, (std::vector<std::int64_t>{0, 4, 8, 12, 16, 20}));
  EXPECT_TRUE(std::equal(shown.pixels.begin(), shown.pixels.begin() + 16 * 24 * 3,
                         expected.pixels.begin()));
  EXPECT_TRUE(std::equal(shown.pixels.end() - 16 * 24 * 3, shown.pixels.end(), film.frame(20)));
}

}  // namespace long_video_test
}  // namespace permafrost
