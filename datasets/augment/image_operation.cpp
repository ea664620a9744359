// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/image_operation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "datasets/augment/affine.h"

namespace permafrost {
namespace {

using Levels = std::array<std::uint8_t, 256>;  // what becomes of every value
using Histogram = std::array<std::int64_t, 256>;

std::uint8_t clipped(double value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
}

template <typename Rule>
Levels levels_of(const Rule& rule) {
  Levels levels;
  for (int v = 0; v < 256; ++v) levels[static_cast<std::size_t>(v)] = clipped(rule(v));
  return levels;
}

void map_all(RgbImage& image, const Levels& levels) {
  for (auto& value : image.pixels) value = levels[value];
}

// A table for every channel, made from the channel's histogram.
template <typename Table>
void map_channels(RgbImage& image, const Table& table) {
  for (std::size_t c = 0; c < 3; ++c) {
    Histogram counts{};
    for (std::size_t k = c; k < image.pixels.size(); k += 3) ++counts[image.pixels[k]];
    const Levels levels = table(counts);
    for (std::size_t k = c; k < image.pixels.size(); k += 3)
      image.pixels[k] = levels[image.pixels[k]];
  }
}

Levels stretched(const Histogram& counts) {
  int low = 0, high = 255;
  while (low < 255 && counts[static_cast<std::size_t>(low)] == 0) ++low;
  while (high > 0 && counts[static_cast<std::size_t>(high)] == 0) --high;
  if (high <= low) return levels_of([](int v) { return v; });
  const double scale = 255.0 / (high - low), offset = -low * scale;
  return levels_of([&](int v) { return v * scale + offset; });
}

Levels equalized(const Histogram& counts) {
  std::int64_t total = 0, last = 0;
  int used = 0;
  for (const auto count : counts) {
    total += count;
    if (count == 0) continue;
    last = count;
    ++used;
  }
  const std::int64_t step = (total - last) / 255;
  if (used <= 1 || step == 0) return levels_of([](int v) { return v; });
  std::int64_t reached = step / 2;
  Levels levels;
  for (std::size_t v = 0; v < 256; ++v) {
    levels[v] = static_cast<std::uint8_t>(std::min<std::int64_t>(reached / step, 255));
    reached += counts[v];
  }
  return levels;
}

// ITU-R 601-2 luma in 16-bit fixed point.
int luma(const std::uint8_t* pixel) {
  return (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16;
}

int mean_luma(const RgbImage& image) {
  std::int64_t sum = 0;
  for (std::size_t k = 0; k < image.pixels.size(); k += 3) sum += luma(&image.pixels[k]);
  return static_cast<int>(static_cast<double>(sum) / static_cast<double>(image.pixels.size() / 3) +
                          0.5);
}

// From `plain` (0) through the value (1) and on, in float as Pillow blends.
std::uint8_t blended(int plain, int value, float factor) {
  return static_cast<std::uint8_t>(std::clamp(
      static_cast<float>(plain) + factor * static_cast<float>(value - plain), 0.0F, 255.0F));
}

void change_color(RgbImage& image, float factor) {
  for (std::size_t k = 0; k < image.pixels.size(); k += 3) {
    const int grey = luma(&image.pixels[k]);
    for (std::size_t c = k; c < k + 3; ++c)
      image.pixels[c] = blended(grey, image.pixels[c], factor);
  }
}

// Away from a 3x3 smoothing whose centre weighs 5 of 13; the border has no smoothing.
void sharpen(RgbImage& image, float factor) {
  const RgbImage before = image;
  const std::ptrdiff_t row = std::ptrdiff_t{3} * image.width;
  for (int y = 1; y + 1 < image.height; ++y) {
    for (std::ptrdiff_t x = 3; x < row - 3; ++x) {
      const std::uint8_t* at = before.pixels.data() + y * row + x;
      int sum = 4 * *at;
      for (const std::ptrdiff_t line : {-row, std::ptrdiff_t{0}, row})
        sum += at[line - 3] + at[line] + at[line + 3];
      image.pixels[static_cast<std::size_t>(y * row + x)] =
          blended((2 * sum + 13) / 26, *at, factor);
    }
  }
}

}  // namespace

const char* name_of(OperationKind kind) {
  static constexpr const char* kNames[kOperationKinds] = {
      "auto_contrast", "equalize",     "invert",  "rotate",      "posterize",
      "solarize",      "solarize_add", "color",   "contrast",    "brightness",
      "sharpness",     "shear_x",      "shear_y", "translate_x", "translate_y"};
  return kNames[static_cast<int>(kind)];
}

void apply(const ImageOperation& operation, RgbImage& image) {
  const double a = operation.argument;
  const float factor = static_cast<float>(a);
  switch (operation.kind) {
    case OperationKind::auto_contrast:
      return map_channels(image, stretched);
    case OperationKind::equalize:
      return map_channels(image, equalized);
    case OperationKind::invert:
      return map_all(image, levels_of([](int v) { return 255 - v; }));
    case OperationKind::rotate:
      image = transformed(image, rotation_map(a, image.height, image.width));
      return;
    case OperationKind::posterize: {
      const int dropped = std::clamp(8 - static_cast<int>(a), 0, 8);
      return map_all(image, levels_of([&](int v) { return v >> dropped << dropped; }));
    }
    case OperationKind::solarize:
      return map_all(image, levels_of([&](int v) { return v < a ? v : 255 - v; }));
    case OperationKind::solarize_add:
      return map_all(image, levels_of([&](int v) { return v < 128 ? v + a : v; }));
    case OperationKind::color:
      return change_color(image, factor);
    case OperationKind::contrast: {
      const int mean = mean_luma(image);
      return map_all(image, levels_of([&](int v) { return blended(mean, v, factor); }));
    }
    case OperationKind::brightness:
      return map_all(image, levels_of([&](int v) { return blended(0, v, factor); }));
    case OperationKind::sharpness:
      return sharpen(image, factor);
    case OperationKind::shear_x:
      image = transformed(image, {1, a, 0, 0, 1, 0});
      return;
    case OperationKind::shear_y:
      image = transformed(image, {1, 0, 0, a, 1, 0});
      return;
    case OperationKind::translate_x:
      image = transformed(image, {1, 0, a * image.width, 0, 1, 0});
      return;
    case OperationKind::translate_y:
      image = transformed(image, {1, 0, 0, 0, 1, a * image.height});
      return;
  }
}

}  // namespace permafrost
