// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/affine.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace permafrost {
namespace {

constexpr std::uint8_t kOutside = 128;

// Cubic convolution with a = -1 (Keys' family), at distance d from the second of four values.
double cubic(double v1, double v2, double v3, double v4, double d) {
  const double p2 = v3 - v1;
  const double p3 = 2 * (v1 - v2) + v3 - v4;
  const double p4 = v2 - v1 - v3 + v4;
  return v2 + d * (p2 + d * (p3 + d * p4));
}

// Pillow cuts to whole numbers and does not round.
std::uint8_t level(double value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
}

void sample(const RgbImage& image, double x, double y, std::uint8_t* out) {
  const int column = static_cast<int>(std::floor(x)), row = static_cast<int>(std::floor(y));
  int offsets[4];
  const std::uint8_t* rows[4];
  for (int k = 0; k < 4; ++k) {
    offsets[k] = 3 * std::clamp(column - 1 + k, 0, image.width - 1);
    rows[k] = image.pixels.data() +
              std::ptrdiff_t{3} * image.width * std::clamp(row - 1 + k, 0, image.height - 1);
  }
  for (int c = 0; c < 3; ++c) {
    double values[4];
    for (int k = 0; k < 4; ++k) {
      const std::uint8_t* at = rows[k] + c;
      values[k] = cubic(at[offsets[0]], at[offsets[1]], at[offsets[2]], at[offsets[3]], x - column);
    }
    out[c] = level(cubic(values[0], values[1], values[2], values[3], y - row));
  }
}

}  // namespace

AffineMap rotation_map(double degrees, int height, int width) {
  // Rounded to 15 digits, so that quarter turns are exact.
  const auto rounded = [](double value) { return std::nearbyint(value * 1e15) / 1e15; };
  const double angle = -degrees * std::numbers::pi / 180;
  AffineMap map{rounded(std::cos(angle)),  rounded(std::sin(angle)), 0,
                rounded(-std::sin(angle)), rounded(std::cos(angle)), 0};
  const double x = width / 2.0, y = height / 2.0;
  map[2] = map[0] * -x + map[1] * -y + x;
  map[5] = map[3] * -x + map[4] * -y + y;
  return map;
}

RgbImage transformed(const RgbImage& image, const AffineMap& map) {
  RgbImage out = image;
  std::uint8_t* pixel = out.pixels.data();
  for (int row = 0; row < image.height; ++row) {
    for (int column = 0; column < image.width; ++column, pixel += 3) {
      const double x = map[0] * (column + 0.5) + map[1] * (row + 0.5) + map[2];
      const double y = map[3] * (column + 0.5) + map[4] * (row + 0.5) + map[5];
      if (x < 0 || x >= image.width || y < 0 || y >= image.height)
        std::fill(pixel, pixel + 3, kOutside);
      else
        sample(image, x - 0.5, y - 0.5, pixel);
    }
  }
  return out;
}

}  // namespace permafrost
