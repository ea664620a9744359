// SPDX-License-Identifier: Apache-2.0
#pragma once

// The operations that RandAugment chooses from, on one RGB picture. They give the pixels of Pillow,
// with which released probes were trained; image_operation_test.cpp compares with it.
//
//   apply({OperationKind::rotate, 21.0}, image);
#include <cstdint>
#include <vector>

namespace permafrost {

// [height,width,3], rows without padding.
struct RgbImage {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> pixels;
  bool operator==(const RgbImage&) const = default;
};

enum class OperationKind {
  auto_contrast,
  equalize,
  invert,
  rotate,
  posterize,
  solarize,
  solarize_add,
  color,
  contrast,
  brightness,
  sharpness,
  shear_x,
  shear_y,
  translate_x,
  translate_y,
};
inline constexpr int kOperationKinds = 15;

struct ImageOperation {
  OperationKind kind = OperationKind::invert;
  // rotate: degrees, anticlockwise; posterize: bits that stay; solarize: values from here on are
  // inverted; solarize_add: added to values below 128; color .. sharpness: factor, 1 leaves the
  // picture; shear: pixels a pixel; translate: share of the side; unused by the first three.
  double argument = 0;
  bool operator==(const ImageOperation&) const = default;
};

// "rotate".
const char* name_of(OperationKind kind);

// Changes the picture, which keeps its size. Statistics (auto_contrast, equalize, contrast) are the
// picture's own. Geometry is bicubic; what comes from outside is grey (128,128,128).
void apply(const ImageOperation& operation, RgbImage& image);

}  // namespace permafrost
