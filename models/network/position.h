// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tables of positions that are added to tokens: computed ones, and how one for another size is
// made.
#include <ATen/core/Tensor.h>

#include "models/network/encoder_spec.h"

namespace permafrost {

// V-JEPA (Bardes et al. 2024, released code): table [1, gt*gh*gw, width] float32, computed in
// double. Each axis has `share` columns, half sines and half cosines of p / 10000^(k / (share/2));
// order t, h, w. With `uniform_power` every share is 2*ceil(width/6) and the row is cut to `width`
// columns; without, t has width/2 and h, w width/4 (InputError unless width is a multiple of 8).
at::Tensor sincos_positions(int width, int gt, int gh, int gw, bool uniform_power);

// VideoMAE (Tong et al. 2022, released code): table [1, tokens, width] float32, computed in double;
// column j of token n is n / 10000^(2*floor(j/2)/width), its sine for even j and cosine for odd.
at::Tensor sinusoid_positions(int width, int tokens);

// The table that the spec asks for: computed, or of zeros for a learned one; undefined for rope_3d.
at::Tensor make_positions(const EncoderSpec& spec);

// `table` [1, rows, D], made for `from`, as `to` (the same encoder at another size) needs it: rows
// of a class token stay, the others are resized by spec.table_resize. Throws InputError where the
// family's rule gives another size than `to` has.
at::Tensor resized_positions(const at::Tensor& table, const EncoderSpec& from,
                             const EncoderSpec& to);

}  // namespace permafrost
