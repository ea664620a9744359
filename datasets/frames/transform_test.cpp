// SPDX-License-Identifier: Apache-2.0
#include "datasets/frames/transform.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "common/error.h"
#include "common/random.h"

namespace permafrost {
namespace transform_test {

using Pixels = std::vector<std::uint8_t>;

Pixels resized(const Pixels& pixels, int height, int width, const ResizeCrop& plan,
               bool antialias = true) {
  Pixels out(static_cast<std::size_t>(plan.height) * static_cast<std::size_t>(plan.width) * 3);
  resize_crop({pixels.data(), height, width, std::ptrdiff_t{width} * 3}, plan, antialias,
              out.data());
  return out;
}

ResizeCrop whole(int height, int width) { return {height, width, 0, 0, height, width}; }

Pixels ramp(int height, int width) {
  Pixels pixels(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3);
  for (std::size_t k = 0; k < pixels.size(); ++k) pixels[k] = static_cast<std::uint8_t>(k % 251);
  return pixels;
}

TEST(PlanView, SingleViewOfTheReference) {
  const auto plan = [](int height, int width, int crop) {
    return plan_view(height, width,
                     {.height = crop, .width = crop, .short_side = evaluation_short_side(crop)});
  };
  EXPECT_EQ(evaluation_short_side(224), 256);
  EXPECT_EQ(evaluation_short_side(384), 438);
  EXPECT_EQ(plan(240, 320, 224), (ResizeCrop{256, 341, 16, 58, 224, 224}));
  EXPECT_EQ(plan(256, 340, 224), (ResizeCrop{256, 340, 16, 58, 224, 224}));
  EXPECT_EQ(plan(360, 640, 384), (ResizeCrop{438, 778, 27, 197, 384, 384}));
  EXPECT_EQ(plan(480, 270, 224), (ResizeCrop{455, 256, 116, 16, 224, 224}));
  EXPECT_EQ(plan(240, 320, 256), (ResizeCrop{292, 389, 18, 66, 256, 256}));
}

TEST(PlanView, ThreeViewsAlongTheLongSide) {
  const ViewSpec last{.short_side = 224, .view = 2, .views = 3};
  EXPECT_EQ(plan_view(240, 320, last), (ResizeCrop{224, 298, 0, 74, 224, 224}));
  EXPECT_EQ(plan_view(480, 270, last), (ResizeCrop{398, 224, 174, 0, 224, 224}));
  EXPECT_EQ(plan_view(100, 100, last), (ResizeCrop{224, 224, 0, 0, 224, 224}));
}

TEST(PlanView, WithoutShortSideTheCropIsJustCovered) {
  EXPECT_EQ(plan_view(240, 320, {.height = 48, .width = 48}), (ResizeCrop{48, 64, 0, 8, 48, 48}));
  EXPECT_EQ(plan_view(240, 320, {.height = 32, .width = 64}), (ResizeCrop{48, 64, 8, 0, 32, 64}));
  EXPECT_EQ(plan_view(1, 9000, {.height = 8, .width = 8}), (ResizeCrop{8, 72000, 0, 35996, 8, 8}));
}

TEST(PlanView, RefusesACropThatIsTooLarge) {
  try {
    plan_view(240, 320, {.height = 224, .width = 224, .short_side = 200});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "view: crop: expected at most 200x266, the size after resizing, found 224x224");
  }
  EXPECT_THROW(plan_view(0, 5, {}), InputError);
  EXPECT_THROW(plan_view(5, 5, {.height = 0}), InputError);
  EXPECT_THROW(plan_view(5, 5, {.view = 1}), InputError);
}

TEST(ResizeCropPixels, SameSizeIsACopy) {
  const Pixels pixels = ramp(6, 9);
  EXPECT_EQ(resized(pixels, 6, 9, whole(6, 9)), pixels);
  const Pixels crop = resized(pixels, 6, 9, {6, 9, 2, 3, 2, 4});
  EXPECT_EQ(crop[0], pixels[(2 * 9 + 3) * 3]);
  EXPECT_EQ(crop[12], pixels[(3 * 9 + 3) * 3]);
}

TEST(ResizeCropPixels, BilinearAsOpenCv) {
  const Pixels out = resized(ramp(6, 9), 6, 9, whole(4, 6));
  const int expected[6] = {7, 12, 16, 21, 25, 30};
  for (std::size_t x = 0; x < 6; ++x) EXPECT_EQ(out[x * 3], expected[x]) << x;
}

TEST(ResizeCropPixels, CropIsThatPartOfTheWhole) {
  const Pixels pixels = ramp(31, 45);
  for (const int side : {8, 20, 60}) {  // area, bilinear, enlarged
    const Pixels all = resized(pixels, 31, 45, whole(side, side + 5));
    const Pixels part = resized(pixels, 31, 45, {side, side + 5, 3, 4, 2, 6});
    for (int y = 0; y < 2; ++y) {
      for (int k = 0; k < 18; ++k) {
        EXPECT_EQ(part[static_cast<std::size_t>(y * 18 + k)],
                  all[static_cast<std::size_t>(((y + 3) * (side + 5) + 4) * 3 + k)]);
      }
    }
  }
}

TEST(ResizeCropPixels, AFlatPictureStaysFlat) {
  for (const int value : {0, 1, 128, 254, 255}) {
    const Pixels pixels(std::size_t{37 * 53 * 3}, static_cast<std::uint8_t>(value));
    for (const auto& [height, width] : {std::pair{5, 7}, {30, 40}, {74, 11}, {100, 200}}) {
      for (const std::uint8_t out : resized(pixels, 37, 53, whole(height, width))) {
        ASSERT_EQ(out, value) << height << "x" << width;
      }
    }
  }
}

TEST(ResizeCropPixels, StrongShrinkingDoesNotAlias) {
  // Stripes of one pixel: the mean is grey, but two samples of it may be black.
  Pixels pixels(std::size_t{240 * 320 * 3});
  for (std::size_t k = 0; k < pixels.size(); ++k) pixels[k] = k / 3 % 320 % 5 == 0 ? 255 : 0;
  for (const std::uint8_t out : resized(pixels, 240, 320, whole(48, 64))) ASSERT_EQ(out, 51);
  int black = 0;
  for (const std::uint8_t out : resized(pixels, 240, 320, whole(48, 64), false)) black += out == 0;
  EXPECT_GT(black, 0);
}

// The fixed-point arithmetic of the reference written plainly, whatever instructions we use.
Pixels plainly_resized(const Pixels& in, int height, int width, const ResizeCrop& plan) {
  struct Tap {
    int low, high, low_weight, high_weight;
  };
  const auto tap_of = [](int k, int source, int size) {
    const double scale = 1.0 / (static_cast<double>(size) / source);
    float at = static_cast<float>((k + 0.5) * scale - 0.5);
    const int cell = static_cast<int>(std::floor(at));
    at -= static_cast<float>(cell);
    return Tap{std::clamp(cell, 0, source - 1), std::clamp(cell + 1, 0, source - 1),
               static_cast<int>(std::lrint((1 - at) * 2048.0F)),
               static_cast<int>(std::lrint(at * 2048.0F))};
  };
  Pixels out;
  for (int y = 0; y < plan.height; ++y) {
    const Tap row = tap_of(y + plan.top, height, plan.resized_height);
    for (int x = 0; x < plan.width; ++x) {
      const Tap column = tap_of(x + plan.left, width, plan.resized_width);
      for (int c = 0; c < 3; ++c) {
        const auto filtered = [&](int r) {
          return in[static_cast<std::size_t>((r * width + column.low) * 3 + c)] *
                     column.low_weight +
                 in[static_cast<std::size_t>((r * width + column.high) * 3 + c)] *
                     column.high_weight;
        };
        const int sum = ((row.low_weight * (filtered(row.low) >> 4)) >> 16) +
                        ((row.high_weight * (filtered(row.high) >> 4)) >> 16);
        out.push_back(static_cast<std::uint8_t>((sum + 2) >> 2));
      }
    }
  }
  return out;
}

TEST(ResizeCropPixels, AreThoseOfPlainArithmeticAtAnySize) {
  RandomStream stream({.seed = 1, .purpose = "test"});
  const auto any = [&](int most) {
    return 1 + static_cast<int>(stream.integer(static_cast<std::uint32_t>(most)));
  };
  for (int k = 0; k < 400; ++k) {
    const int height = any(40), width = any(40);
    Pixels pixels(static_cast<std::size_t>(height * width * 3));
    const bool extreme = k % 3 == 0;
    for (auto& value : pixels)
      value = static_cast<std::uint8_t>(extreme ? 255 * stream.integer(2) : stream.integer(256));
    ResizeCrop plan{.resized_height = any(60), .resized_width = any(60)};
    plan.height = any(plan.resized_height);
    plan.width = any(plan.resized_width);
    plan.top = any(plan.resized_height - plan.height + 1) - 1;
    plan.left = any(plan.resized_width - plan.width + 1) - 1;
    ASSERT_EQ(resized(pixels, height, width, plan, false),
              plainly_resized(pixels, height, width, plan))
        << height << "x" << width << " to " << plan.resized_height << "x" << plan.resized_width;
  }
}

TEST(ResizeCropPixels, RowsMayBePadded) {
  const Pixels pixels = ramp(6, 9);
  Pixels padded(6 * 40, 99);
  for (std::size_t y = 0; y < 6; ++y) std::memcpy(&padded[y * 40], &pixels[y * 27], 27);
  Pixels out(4 * 6 * 3);
  resize_crop({padded.data(), 6, 9, 40}, whole(4, 6), true, out.data());
  EXPECT_EQ(out, resized(pixels, 6, 9, whole(4, 6)));
}

}  // namespace transform_test
}  // namespace permafrost
