// SPDX-License-Identifier: Apache-2.0
#pragma once

// How much arithmetic a pretraining step asks for, by formula: what a measured time is compared
// with to tell how well a device is used.
#include <cstdint>

#include "models/pretraining/masking/masking.h"
#include "models/pretraining/pretrain_config.h"

namespace permafrost {

// Floating-point operations of a step, forward and backward, by network. Only matrix products and
// attention count, a product of [m,k] and [k,n] as 2mkn; norms, activations, losses and the
// optimiser do not, nor does what an implementation computes a second time. The backward pass of a
// product is two products of the same size, that of the patch embedding one, since nobody asks for
// the gradient of pixels.
struct StepFlops {
  double teacher = 0;    // forward alone, every token; 0 for pixel targets
  double context = 0;    // the encoder on the context tokens of every mask
  double predictor = 0;  // on context and target tokens of every mask
  double total() const { return teacher + context + predictor; }
};

// Forward pass of a block of `width` on a clip of `tokens` tokens that all attend to each other;
// `hidden` as in make_block.
double block_flops(double tokens, double width, double hidden, Ffn ffn = Ffn::gelu);

// Of one step with these masks, over the samples that their rows are for.
StepFlops step_flops(const PretrainConfig& config, const std::vector<Mask>& masks);

}  // namespace permafrost
