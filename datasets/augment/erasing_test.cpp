// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/erasing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace permafrost {
namespace erasing_test {

RandomStream stream_of(std::uint64_t sample) {
  return RandomStream({.seed = 2, .purpose = "augment.erasing", .sample = sample});
}

// Where a black clip was changed; noise is 0 in one value out of 60 or so, so a box is what spans
// the changes of all frames.
struct Box {
  int top = 1 << 20, left = 1 << 20, bottom = -1, right = -1;
  int height() const { return bottom - top + 1; }
  int width() const { return right - left + 1; }
};

Box changed(const Clip& clip) {
  Box box;
  for (int t = 0; t < clip.shape.frames; ++t)
    for (int y = 0; y < clip.shape.height; ++y)
      for (int x = 0; x < clip.shape.width; ++x) {
        const std::uint8_t* pixel = clip.frame(t) + (y * clip.shape.width + x) * 3;
        if (pixel[0] == 0 && pixel[1] == 0 && pixel[2] == 0) continue;
        box.top = std::min(box.top, y);
        box.left = std::min(box.left, x);
        box.bottom = std::max(box.bottom, y);
        box.right = std::max(box.right, x);
      }
  return box;
}

TEST(Erasing, ShareOfClipsAndSizeOfBoxes) {
  int erased = 0;
  constexpr int kClips = 2000;
  for (std::uint64_t k = 0; k < kClips; ++k) {
    Clip clip({2, 40, 60});
    RandomStream stream = stream_of(k);
    const bool done = erase_box(stream, {.probability = 0.25}, clip);
    erased += done;
    const Box box = changed(clip);
    ASSERT_EQ(done, box.bottom >= 0);
    if (!done) continue;
    const double share = box.height() * box.width() / 2400.0;
    ASSERT_GT(share, 0.012);
    ASSERT_LT(share, 0.36);
    ASSERT_LT(box.height(), 40);
    ASSERT_LT(box.width(), 60);
    const double ratio = static_cast<double>(box.height()) / box.width();
    ASSERT_GT(ratio, 0.2);
    ASSERT_LT(ratio, 4.5);
  }
  EXPECT_NEAR(erased, kClips / 4, 5 * std::sqrt(kClips * 0.25 * 0.75));
}

TEST(Erasing, NoiseHasTheNormalisationsMeanAndIsFreshEverywhere) {
  Clip clip({4, 64, 64});
  RandomStream stream = stream_of(5);
  ASSERT_TRUE(erase_box(stream, {.probability = 1, .least_area = 0.3}, clip));
  const Box box = changed(clip);
  double sums[3] = {};
  int count = 0, equal = 0;
  for (int t = 0; t < 4; ++t)
    for (int y = box.top; y <= box.bottom; ++y)
      for (int x = box.left; x <= box.right; ++x, ++count)
        for (int c = 0; c < 3; ++c) {
          const int at = (y * 64 + x) * 3 + c;
          sums[c] += clip.frame(t)[at];
          equal += t > 0 && clip.frame(t)[at] == clip.frame(0)[at];
        }
  // Cutting at 0 and 255 moves the mean by less than a level and a half.
  EXPECT_NEAR(sums[0] / count, 0.485 * 255, 3);
  EXPECT_NEAR(sums[1] / count, 0.456 * 255, 3);
  EXPECT_NEAR(sums[2] / count, 0.406 * 255, 3);
  EXPECT_LT(equal, count / 10);
}

TEST(Erasing, ZeroProbabilityTouchesNothing) {
  Clip clip({2, 8, 8});
  RandomStream stream = stream_of(1);
  EXPECT_FALSE(erase_box(stream, {}, clip));
  EXPECT_TRUE(std::all_of(clip.pixels.begin(), clip.pixels.end(), [](int v) { return v == 0; }));
}

TEST(Erasing, AFrameOfOnePixelHasNoRoom) {
  Clip clip({2, 1, 1});
  RandomStream stream = stream_of(1);
  EXPECT_FALSE(erase_box(stream, {.probability = 1}, clip));
}

}  // namespace erasing_test
}  // namespace permafrost
