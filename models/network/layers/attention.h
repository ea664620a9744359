// SPDX-License-Identifier: Apache-2.0
#pragma once

// The attention half of a block.
#include "models/network/layers/linear.h"

namespace permafrost {

struct Rotation;  // models/network/layers/rope.h

// Tokens of x [B,N,D] from number `first` on.
at::Tensor tokens_from(std::int64_t first, const at::Tensor& x);

struct AttentionSpec {
  int heads = 1;
  // Turns queries and keys; null where positions are added to the tokens.
  const Rotation* rotation = nullptr;
  // Results are computed for tokens from this number on; those before it are attended to.
  std::int64_t first = 0;
};

// x [B,N,D] -> [B,N-first,D]; qkv [3D,D], proj [D,D].
at::Tensor apply_attention(const LinearWeights& qkv, const LinearWeights& proj, const at::Tensor& x,
                           const AttentionSpec& spec);

// Of the forward pass on a clip of `tokens` tokens that all attend to each other.
double attention_flops(double tokens, double width);

}  // namespace permafrost
