// SPDX-License-Identifier: Apache-2.0
#pragma once

// Rotary positions over time, height and width, as V-JEPA 2 trained with them.
//
// Of every head's hd channels, a = 2*floor(floor(hd/3)/2) turn with t, the next a with h, the next
// a with w, the rest stay. The angles of a slice are p * 10000^(-j/(a/2)) for j = 0..a/2-1, *tiled
// twice*, while channels are turned in *adjacent pairs*: the two of a pair turn by different
// angles. That is no rotation, but the weights were trained with it (facebookresearch/vjepa2,
// src/models/utils/modules.py), so it is kept.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace permafrost {

struct Rotation {
  at::Tensor cos, sin;  // [1,1,N,hd], or [B,1,K,hd] for kept tokens; 1 and 0 where nothing turns
};

// For all tokens of a grid, index (t*gh + h)*gw + w; or, where `kept` int64 [B,K] is defined, for
// those. Float32, on `device`. Throws InputError for an odd number of channels a head.
Rotation rotation_for(int head_channels, std::int64_t gt, std::int64_t gh, std::int64_t gw,
                      const at::Tensor& kept, const at::Device& device);

// x [B,heads,N,hd] turned: x*cos + y*sin with y[2i] = -x[2i+1], y[2i+1] = x[2i].
at::Tensor rotated(const at::Tensor& x, const Rotation& rotation);

}  // namespace permafrost
