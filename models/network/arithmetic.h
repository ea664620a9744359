// SPDX-License-Identifier: Apache-2.0
#pragma once

// How much arithmetic a network asks for, by formula: floating-point operations of the forward
// pass. Only matrix products and attention count, a product of [m,k] and [k,n] as 2mkn.
#include "models/network/encoder_spec.h"

namespace permafrost {

double linear_flops(double tokens, double in, double out);

// A block of `width` on a clip of `tokens` tokens that all attend to each other; `hidden` as in
// make_block.
double block_flops(double tokens, double width, double hidden, Ffn ffn = Ffn::gelu);

// Of an encoder on `tokens` tokens: its patch embedding, all its blocks.
double embedding_flops(const EncoderSpec& spec, double tokens);
double blocks_flops(const EncoderSpec& spec, double tokens);

}  // namespace permafrost
