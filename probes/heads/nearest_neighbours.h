// SPDX-License-Identifier: Apache-2.0
#pragma once

// k-nearest-neighbour classification without training, as in DINO (Caron et al. 2021) and DINOv2:
// cosine similarity, the k most similar samples of the bank vote with exp(similarity / 0.07).
//
//   const at::Tensor votes = neighbour_votes(bank, labels, queries, {10, 20}, 8);  // [2,Q,8]
#include <ATen/core/Tensor.h>

#include <vector>

namespace permafrost {

// Bank float32 [M,D] with labels int64 [M] of 0..classes-1, queries float32 [Q,D]; votes [L,Q,C],
// one slice for each of `neighbours`, sums of weights that are a softmax over the largest k. A k
// above M is M. Rows are scaled to length 1 here; M must not be 0.
at::Tensor neighbour_votes(const at::Tensor& bank, const at::Tensor& labels,
                           const at::Tensor& queries, const std::vector<int>& neighbours,
                           int classes);

}  // namespace permafrost
