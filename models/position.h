// SPDX-License-Identifier: Apache-2.0
#pragma once

// Fixed 3-D sine-cosine positions (reference/V-JEPA: Bardes et al. 2024, released code).
#include <ATen/core/Tensor.h>

namespace permafrost {

// Table [1, gt*gh*gw, width] float32, computed in double. Each axis has `share` columns, half sines
// and half cosines of p / 10000^(k / (share/2)); order t, h, w. With `uniform_power` every share is
// 2*ceil(width/6) and the row is cut to `width` columns; without, t has width/2 and h, w width/4
// (InputError unless width is a multiple of 8).
at::Tensor sincos_positions(int width, int gt, int gh, int gw, bool uniform_power);

}  // namespace permafrost
