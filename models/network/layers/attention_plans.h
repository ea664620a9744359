// SPDX-License-Identifier: Apache-2.0
#pragma once

// When a GPU's attention is worth a plan.
//
// cuDNN's kernels are faster than FlashAttention (forward and backward by 10 to 25 % for heads of
// 32 values and some 1,100 tokens on an H200), but planned for every shape, 0.13 s for one. Masks
// have a new size at almost every step, yet of a few dozen sizes in all. So a shape is planned as
// soon as FlashAttention has spent on it what a plan would have saved: whatever comes after, no
// more than twice the least possible is spent. Large networks come to that after some steps, small
// ones hardly ever.
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <map>

namespace permafrost {

// Samples, heads, queries, keys, values a head.
using AttentionShape = std::array<std::int64_t, 5>;

class AttentionPlans {
 public:
  // Counts a call. Whether its shape had been computed often enough before.
  bool pays(const AttentionShape& shape);

 private:
  std::map<AttentionShape, double> operations_;  // so far, of the forward pass
};

// While one lives, attention of this thread is of other shapes at almost every call, as masks have
// them, and is planned only where it pays. Without one LibTorch's choice stands, for encoders that
// see whole clips always plan the same.
class ChangingShapes {
 public:
  ChangingShapes();
  ~ChangingShapes();
  ChangingShapes(const ChangingShapes&) = delete;
  ChangingShapes& operator=(const ChangingShapes&) = delete;
};

// softmax(q k^T / sqrt(d)) v of q [B,H,Nq,d], k and v [B,H,N,d].
at::Tensor mixture_of_values(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace permafrost
