// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/crop_box.h"

#include <algorithm>
#include <cmath>

namespace permafrost {
namespace {

constexpr int kCropTries = 10;

// Half to even, as Python rounds.
int rounded(double value) { return static_cast<int>(std::nearbyint(value)); }

CropBox centred(int height, int width, int box_height, int box_width) {
  box_height = std::clamp(box_height, 1, height);
  box_width = std::clamp(box_width, 1, width);
  return {(height - box_height) / 2, (width - box_width) / 2, box_height, box_width};
}

}  // namespace

CropBox draw_crop_box(RandomStream& stream, const CropRule& rule, int height, int width) {
  const double low = std::log(rule.least_ratio), high = std::log(rule.most_ratio);
  for (int k = 0; k < kCropTries; ++k) {
    const double share =
        rule.least_area + (rule.most_area - rule.least_area) * double{stream.uniform()};
    const double ratio = std::exp(low + (high - low) * double{stream.uniform()});
    const double area = share * height * width;
    const int w = rounded(std::sqrt(area * ratio)), h = rounded(std::sqrt(area / ratio));
    if (w < 1 || w > width || h < 1 || h > height) continue;
    const int top = static_cast<int>(stream.integer(static_cast<std::uint32_t>(height - h + 1)));
    const int left = static_cast<int>(stream.integer(static_cast<std::uint32_t>(width - w + 1)));
    return {top, left, h, w};
  }
  const double ratio = static_cast<double>(width) / height;
  if (ratio < rule.least_ratio)
    return centred(height, width, rounded(width / rule.least_ratio), width);
  if (ratio > rule.most_ratio)
    return centred(height, width, height, rounded(height * rule.most_ratio));
  return centred(height, width, height, width);
}

}  // namespace permafrost
