// SPDX-License-Identifier: Apache-2.0
#pragma once

// Data-parallel gradients.
//
// A batch is cut into a fixed number of shards. Each shard runs forward and backward on one thread
// over its own autograd leaves (which share the weights' storage); the gradients are then added in
// an order of their own (pairwise.h). So the sum does not depend on how many threads there are, and
// no thread waits for another inside an operation, which is what costs at small sizes. Nor does it
// depend on how many processes there are, where they add exactly (gradient_exchange.h).
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "models/processes/gradient_exchange.h"

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

// Where the shards of a step are computed: all here, or some by each rank of a group.
struct StepShards {
  int shards = 1;
  int threads = 1;                // of this process, over its shards
  ProcessGroup* group = nullptr;  // null: one process
  Reduce reduce = Reduce::exact;
  Addition addition = Addition::pairwise;  // of gradients; losses are added in order
  // Whether the loss of all ranks is wanted; else that of this one's shards is given.
  bool wants_loss = true;
};

// `forward` is asked for the shards of this process alone; every rank gets the sum over all. Throws
// as shards_of_rank().
ShardedGradients sharded_gradients(const StepShards& work,
                                   const std::function<ShardResult(int shard)>& forward);
inline ShardedGradients sharded_gradients(int shards, int threads,
                                          const std::function<ShardResult(int shard)>& forward) {
  return sharded_gradients({.shards = shards, .threads = threads}, forward);
}

// Norm over all gradients (float64 scalar on their device); scales them in place to `limit` where
// it is larger (limit 0: never).
at::Tensor clip_gradients(const std::vector<at::Tensor>& gradients, double limit);

}  // namespace permafrost
