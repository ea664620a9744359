// SPDX-License-Identifier: Apache-2.0
#pragma once

// A pre-norm block of a transformer.
#include "models/network/layers/attention.h"
#include "models/network/layers/feed_forward.h"

namespace permafrost {

// Tensors are called as in the reference: `blocks.0.attn.qkv.weight` [3D,D], `blocks.0.mlp.fc1...`.
struct BlockWeights {
  NormWeights norm1, norm2;
  LinearWeights qkv, proj;
  FeedForwardWeights mlp;
  at::Tensor scale1, scale2;  // [D], layer scale of the two branches; undefined where there is none
};

// What a block is, apart from its weights.
struct BlockSpec {
  int heads = 1;
  double eps = 1e-6;
  FeedForwardSpec feed_forward = {};
};

// Visits the tensors that are defined.
void visit(BlockWeights& weights, const std::string& prefix, const TensorVisitor& visitor);

BlockWeights make_block(std::int64_t width, const FeedForwardSpec& feed_forward, Init init,
                        RandomStream& stream);

struct BlockInput {
  // Turns queries and keys; null where positions are added to the tokens.
  const Rotation* rotation = nullptr;
  // [2,B], multiplies what attention and FFN add, a number a sample (stochastic depth);
  // undefined: 1.
  at::Tensor branches = {};
  // Of the result, tokens from this number on: those before it are attended to, and nothing else is
  // computed for them.
  std::int64_t first = 0;
  BlockTrace* trace = nullptr;  // is told what the block has to tell
};

// x [B,N,D] through one block: x + s1*Attn(LN1 x), then x + s2*FFN(LN2 x).
at::Tensor apply_block(const BlockWeights& weights, const at::Tensor& x, const BlockSpec& spec,
                       const BlockInput& input = {});

// Of the forward pass on a clip of `tokens` tokens that all attend to each other.
double block_flops(double tokens, double width, const FeedForwardSpec& feed_forward = {});

}  // namespace permafrost
