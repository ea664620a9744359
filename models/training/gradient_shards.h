// SPDX-License-Identifier: Apache-2.0
#pragma once

// Data-parallel gradients on one machine.
//
// A batch is cut into a fixed number of shards. Each shard runs forward and backward on one thread
// over its own autograd leaves (which share the weights' storage); the gradients are then added in
// shard order. So the sum does not depend on how many threads there are, and no thread waits for
// another inside an operation, which is what costs at small sizes.
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace permafrost {

// loss.backward() by the calling thread. LibTorch gives it to one thread a GPU, for which
// everything that trains on that GPU would wait in turn.
void backward(const at::Tensor& loss);

// One shard's work: its loss (a scalar, already divided by the number of shards) and the leaves
// whose gradients are wanted, in the same order from every shard.
struct ShardResult {
  at::Tensor loss;
  std::vector<at::Tensor> leaves;
};

struct ShardedGradients {
  at::Tensor loss;  // float64 scalar, the shards' sum; reading it waits for a device
  std::vector<at::Tensor> gradients;  // the order of the leaves
};

ShardedGradients sharded_gradients(int shards, int threads,
                                   const std::function<ShardResult(int shard)>& forward);

// Norm over all gradients (float64 scalar on their device); scales them in place to `limit` where
// it is larger (limit 0: never).
at::Tensor clip_gradients(const std::vector<at::Tensor>& gradients, double limit);

}  // namespace permafrost
