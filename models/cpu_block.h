// SPDX-License-Identifier: Apache-2.0
#pragma once

// A transformer block on a CPU as one step of the backward pass.
//
// At small sizes half of the time between the kernels is LibTorch's keeping of accounts, some forty
// nodes a block. Here a block is one node with a backward pass written by hand over the same
// kernels.
#include "models/weights.h"

namespace permafrost {

// Whether block_on_cpu() does what apply_block() is asked for: float32 weights that want gradients,
// on the CPU, the GELU, no layer scale.
bool suits_cpu_block(const BlockWeights& weights, const at::Tensor& x, const BlockSpec& spec);

// apply_block() without rotation and branches. A gradient of the gradient cannot be had.
at::Tensor block_on_cpu(const BlockWeights& weights, const at::Tensor& x, const BlockSpec& spec,
                        std::int64_t first);

}  // namespace permafrost
