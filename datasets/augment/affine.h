// SPDX-License-Identifier: Apache-2.0
#pragma once

// Affine geometry of one RGB picture, with the pixels of Pillow's bicubic transform. Used by
// image_operation.cpp.
#include <array>

#include "datasets/augment/image_operation.h"

namespace permafrost {

// From the centre of an output pixel to a place in the input: x' = m0 x + m1 y + m2,
// y' = m3 x + m4 y + m5.
using AffineMap = std::array<double, 6>;

// Anticlockwise about the centre.
AffineMap rotation_map(double degrees, int height, int width);

// The picture seen through the map, of the same size; places outside of the input are grey.
RgbImage transformed(const RgbImage& image, const AffineMap& map);

}  // namespace permafrost
