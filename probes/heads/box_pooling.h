// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tokens of one thing in a clip: what an encoder says inside of a box, for tasks that give one.
#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "datasets/clips/clip_source.h"
#include "models/network/encoder_spec.h"

namespace permafrost {

// Mean of the tokens [B,N,D] over a box a clip, at every time step apart: [B,grid_t,D]. A token
// counts with the area of its patch that lies in the box. Autograd goes through. Throws Error when
// B is not the number of boxes or N not that of the encoder.
at::Tensor pooled_in_boxes(const at::Tensor& tokens, const EncoderSpec& spec,
                           std::span<const Box> boxes);

// The boxes of the samples, each `clips` times; none where the source has none.
std::vector<Box> boxes_of(const ClipSource& source, std::span<const std::int64_t> samples,
                          int clips = 1);

}  // namespace permafrost
