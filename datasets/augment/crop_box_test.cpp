// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/crop_box.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace permafrost {
namespace crop_box_test {

RandomStream stream_of(std::uint64_t sample) {
  return RandomStream({.seed = 1, .purpose = "augment.crop", .sample = sample});
}

TEST(CropBox, AlwaysInside) {
  for (std::uint64_t k = 0; k < 4000; ++k) {
    const int height = 1 + static_cast<int>(k % 37), width = 1 + static_cast<int>(k % 41);
    RandomStream stream = stream_of(k);
    const CropBox box = draw_crop_box(stream, {}, height, width);
    ASSERT_GE(box.height, 1);
    ASSERT_GE(box.width, 1);
    ASSERT_GE(box.top, 0);
    ASSERT_GE(box.left, 0);
    ASSERT_LE(box.top + box.height, height);
    ASSERT_LE(box.left + box.width, width);
  }
}

// In a square picture boxes up to 3/4 of the area fit at every ratio, so that these are unbiased.
TEST(CropBox, AreaIsUniformAndRatioLogUniform) {
  constexpr int kDraws = 20'000, kSide = 400;
  const CropRule rule{.least_area = 0.1, .most_area = 0.7};
  std::vector<double> areas, ratios;
  for (int k = 0; k < kDraws; ++k) {
    RandomStream stream = stream_of(static_cast<std::uint64_t>(k));
    const CropBox box = draw_crop_box(stream, rule, kSide, kSide);
    areas.push_back(static_cast<double>(box.height) * box.width / (kSide * kSide));
    ratios.push_back(std::log(static_cast<double>(box.width) / box.height));
  }
  // Kolmogorov's distance to the uniform distribution; 1.95 / sqrt(n) is exceeded once in 1000.
  const auto distance = [](std::vector<double> values, double low, double high) {
    std::sort(values.begin(), values.end());
    double largest = 0;
    for (std::size_t k = 0; k < values.size(); ++k)
      largest = std::max(
          largest, std::abs((values[k] - low) / (high - low) -
                            (static_cast<double>(k) + 0.5) / static_cast<double>(values.size())));
    return largest;
  };
  EXPECT_LT(distance(areas, 0.1, 0.7), 1.95 / std::sqrt(kDraws));
  EXPECT_LT(distance(ratios, std::log(0.75), std::log(4.0 / 3)), 1.95 / std::sqrt(kDraws));
}

TEST(CropBox, EveryPlaceIsTaken) {
  int first = 0, last = 0;
  constexpr int kDraws = 3000;
  const CropRule rule{.least_area = 0.25, .most_area = 0.25, .least_ratio = 1, .most_ratio = 1};
  for (std::uint64_t k = 0; k < kDraws; ++k) {
    RandomStream stream = stream_of(k);
    const CropBox box = draw_crop_box(stream, rule, 8, 8);
    EXPECT_EQ(box.height, 4);
    EXPECT_EQ(box.width, 4);
    first += box.top == 0;
    last += box.left == 4;
  }
  EXPECT_NEAR(first, kDraws / 5, 120);  // five standard deviations
  EXPECT_NEAR(last, kDraws / 5, 120);
}

TEST(CropBox, FallsBackToTheCentre) {
  RandomStream stream = stream_of(0);
  // A strip: no box of the rule fits but by the fallback.
  const CropBox wide = draw_crop_box(stream, {.least_area = 0.9}, 30, 300);
  EXPECT_EQ(wide.height, 30);
  EXPECT_EQ(wide.width, 40);
  EXPECT_EQ(wide.left, 130);
  const CropBox tall = draw_crop_box(stream, {.least_area = 0.9}, 300, 30);
  EXPECT_EQ(tall.width, 30);
  EXPECT_EQ(tall.height, 40);
  EXPECT_EQ(tall.top, 130);
  const CropBox thin = draw_crop_box(stream, {}, 1, 1000);
  EXPECT_EQ(thin.height, 1);
  EXPECT_EQ(thin.width, 1);
}

TEST(CropBox, SameStreamSameBox) {
  RandomStream a = stream_of(9), b = stream_of(9), c = stream_of(10);
  const CropBox one = draw_crop_box(a, {}, 240, 320), two = draw_crop_box(b, {}, 240, 320),
                other = draw_crop_box(c, {}, 240, 320);
  EXPECT_EQ(one.top, two.top);
  EXPECT_EQ(one.width, two.width);
  EXPECT_FALSE(one.top == other.top && one.left == other.left && one.width == other.width);
}

}  // namespace crop_box_test
}  // namespace permafrost
