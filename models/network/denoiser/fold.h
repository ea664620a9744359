// SPDX-License-Identifier: Apache-2.0
#pragma once

// A denoiser as a frozen encoder. At a fixed noise level the condition is a constant, and a block
// under it is an ordinary block: norm1 = (1 + scale1, shift1), layer scale gate1, norm2 = (1 +
// scale2, shift2), layer scale gate2. So the first blocks of a denoiser are an encoder as any
// other.
#include "models/network/denoiser/denoiser.h"
#include "models/network/vit.h"

namespace permafrost {

struct FoldedEncoder {
  EncoderSpec spec;
  VitWeights weights;
};

// The first `blocks` blocks at noise level `tau`, and a final norm of weight 1 and bias 0. Throws
// InputError naming `where` where tau is outside 0..1 or there are not so many blocks.
FoldedEncoder folded(const DenoiserWeights& weights, const DenoiserSpec& spec, double tau,
                     int blocks, const std::string& where);

}  // namespace permafrost
