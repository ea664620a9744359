// SPDX-License-Identifier: Apache-2.0
#include "models/gradient_shards.h"

#include <ATen/record_function.h>
#include <torch/types.h>

#include "common/parallel.h"

namespace permafrost {

ShardedGradients sharded_gradients(int shards, int threads,
                                   const std::function<ShardResult(int shard)>& forward) {
  std::vector<ShardResult> results(static_cast<std::size_t>(shards));
  parallel_for(shards, threads, [&](std::int64_t shard) {
    ShardResult result = forward(static_cast<int>(shard));
    {
      RECORD_USER_SCOPE("backward");
      result.loss.backward();
    }
    results[static_cast<std::size_t>(shard)] = std::move(result);
  });
  const at::NoGradGuard no_grad;
  ShardedGradients total;
  for (std::size_t shard = 0; shard < results.size(); ++shard) {
    const at::Tensor loss = results[shard].loss.detach().to(at::kDouble);
    total.loss = shard == 0 ? loss : total.loss + loss;
    for (std::size_t i = 0; i < results[shard].leaves.size(); ++i) {
      const at::Tensor& leaf = results[shard].leaves[i];
      // A leaf that no sample reached has no gradient: zero.
      const at::Tensor gradient = leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf);
      if (shard == 0)
        total.gradients.push_back(gradient);
      else
        total.gradients[i].add_(gradient);
    }
  }
  return total;
}

at::Tensor clip_gradients(const std::vector<at::Tensor>& gradients, double limit) {
  const at::NoGradGuard no_grad;
  at::Tensor squares = at::zeros({}, gradients.at(0).options().dtype(at::kDouble));
  for (const auto& g : gradients) squares += g.square().sum();
  const at::Tensor norm = squares.sqrt();
  if (limit <= 0) return norm;
  // The factor stays on the device: to compare here would wait for it.
  const at::Tensor factor = at::where(norm > limit, limit / (norm + 1e-6), 1.0).to(at::kFloat);
  at::_foreach_mul_(gradients, factor);
  return norm;
}

}  // namespace permafrost
