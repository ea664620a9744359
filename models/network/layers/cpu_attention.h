// SPDX-License-Identifier: Apache-2.0
#pragma once

// Attention on a CPU by loops of our own (models/kernels), for training: LibTorch's asks MKL for
// its products, which on some processors takes half as long vectors. It reads and writes tokens
// where the linear layers around it have them, and keeps the weights of a forward pass for the
// backward pass; so it is for few tokens.
#include <ATen/core/Tensor.h>

namespace permafrost {

// Whether cpu_attention() takes it: float32 on a CPU, at most kMostAttended tokens, and either
// gradients are wanted or an AttentionWithoutGradients lives.
bool has_cpu_attention(const at::Tensor& qkv);
inline constexpr std::int64_t kMostAttended = 256;

// qkv [B,N,3D] as queries, keys and values, each of `heads` parts: the mixture of values for tokens
// from number `first` on, [B,N-first,D]. One thread; may be called from several.
at::Tensor cpu_attention(const at::Tensor& qkv, std::int64_t heads, std::int64_t first);

// While one lives, attention of this thread that needs no gradients is computed here too, as for a
// teacher in training. Features on record are made without: their last bits would be others.
class AttentionWithoutGradients {
 public:
  AttentionWithoutGradients();
  ~AttentionWithoutGradients();
  AttentionWithoutGradients(const AttentionWithoutGradients&) = delete;
  AttentionWithoutGradients& operator=(const AttentionWithoutGradients&) = delete;
};

}  // namespace permafrost
