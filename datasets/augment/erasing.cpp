// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/erasing.h"

#include <algorithm>
#include <cmath>

#include "datasets/frames/float_crop.h"

namespace permafrost {
namespace {

constexpr int kErasingTries = 100;
// Of the ImageNet normalisation, in levels.
constexpr float kMean[3] = {0.485F * 255, 0.456F * 255, 0.406F * 255};
constexpr float kDeviation[3] = {0.229F * 255, 0.224F * 255, 0.225F * 255};

bool draw_box(RandomStream& stream, const ErasingRule& rule, const ClipShape& shape, CropBox& box) {
  const double low = std::log(rule.least_ratio), high = std::log(rule.most_ratio);
  for (int k = 0; k < kErasingTries; ++k) {
    const double share =
        rule.least_area + (rule.most_area - rule.least_area) * double{stream.uniform()};
    const double ratio = std::exp(low + (high - low) * double{stream.uniform()});
    const double area = share * shape.height * shape.width;
    box.height = static_cast<int>(std::nearbyint(std::sqrt(area * ratio)));
    box.width = static_cast<int>(std::nearbyint(std::sqrt(area / ratio)));
    if (box.height >= shape.height || box.width >= shape.width) continue;
    box.top =
        static_cast<int>(stream.integer(static_cast<std::uint32_t>(shape.height - box.height + 1)));
    box.left =
        static_cast<int>(stream.integer(static_cast<std::uint32_t>(shape.width - box.width + 1)));
    return box.height > 0 && box.width > 0;  // the reference takes empty boxes too
  }
  return false;
}

}  // namespace

bool erase_box(RandomStream& stream, const ErasingRule& rule, Clip& clip) {
  CropBox box;
  if (double{stream.uniform()} >= rule.probability || !draw_box(stream, rule, clip.shape, box))
    return false;
  for (int t = 0; t < clip.shape.frames; ++t) {
    for (int y = box.top; y < box.top + box.height; ++y) {
      std::uint8_t* pixel = clip.frame(t) + (std::ptrdiff_t{y} * clip.shape.width + box.left) * 3;
      for (int x = 0; x < box.width; ++x)
        for (int c = 0; c < 3; ++c)
          *pixel++ = static_cast<std::uint8_t>(
              std::lrint(std::clamp(kMean[c] + kDeviation[c] * stream.normal(), 0.0F, 255.0F)));
    }
  }
  return true;
}

}  // namespace permafrost
