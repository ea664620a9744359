// SPDX-License-Identifier: Apache-2.0
#include "datasets/frames/float_crop.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "common/error.h"

namespace permafrost {
namespace {

struct Tap {
  int low = 0;
  int high = 0;
  float high_weight = 0;
};

std::vector<Tap> taps_of(int source, int resized) {
  // In float, as PyTorch computes it for float pictures.
  const float scale = static_cast<float>(source) / static_cast<float>(resized);
  std::vector<Tap> taps(static_cast<std::size_t>(resized));
  for (int k = 0; k < resized; ++k) {
    const float position = std::max(0.0F, scale * (static_cast<float>(k) + 0.5F) - 0.5F);
    Tap& tap = taps[static_cast<std::size_t>(k)];
    tap.low = std::min(static_cast<int>(position), source - 1);
    tap.high = std::min(tap.low + 1, source - 1);
    tap.high_weight = std::min(position - static_cast<float>(tap.low), 1.0F);
  }
  return taps;
}

float between(float low, float high, float high_weight) {
  return (1.0F - high_weight) * low + high_weight * high;
}

bool fits(int start, int length, int side) {
  return start >= 0 && length >= 1 && length <= side && start <= side - length;
}

std::string text_of(const CropBox& box) {
  return std::to_string(box.height) + "x" + std::to_string(box.width) + " at row " +
         std::to_string(box.top) + ", column " + std::to_string(box.left);
}

}  // namespace

void resize_crop_float(const FloatPlanes& source, const CropBox& box, int height, int width,
                       float* out) {
  if (!fits(box.top, box.height, source.height) || !fits(box.left, box.width, source.width)) {
    throw InputError("crop", "box",
                     "a part of the " + std::to_string(source.height) + "x" +
                         std::to_string(source.width) + " picture",
                     text_of(box));
  }
  if (height < 1 || width < 1) {
    throw InputError("crop", "size", "at least 1x1",
                     std::to_string(height) + "x" + std::to_string(width));
  }
  const std::vector<Tap> rows = taps_of(box.height, height), columns = taps_of(box.width, width);
  const std::ptrdiff_t stride = source.width;
  for (int plane = 0; plane < source.planes; ++plane) {
    const float* corner =
        source.values + (std::ptrdiff_t{plane} * source.height + box.top) * stride + box.left;
    for (const Tap& row : rows) {
      const float* low = corner + row.low * stride;
      const float* high = corner + row.high * stride;
      for (const Tap& column : columns) {
        *out++ = between(between(low[column.low], low[column.high], column.high_weight),
                         between(high[column.low], high[column.high], column.high_weight),
                         row.high_weight);
      }
    }
  }
}

}  // namespace permafrost
