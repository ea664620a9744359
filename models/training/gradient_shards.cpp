// SPDX-License-Identifier: Apache-2.0
#include "models/training/gradient_shards.h"

#include <ATen/record_function.h>
#include <c10/core/AutogradState.h>
#include <torch/types.h>

#include "common/machine/parallel.h"

namespace permafrost {
namespace {

class OnThisThread {
 public:
  OnThisThread() { state().set_multithreading_enabled(false); }
  ~OnThisThread() { state().set_multithreading_enabled(before_); }
  OnThisThread(const OnThisThread&) = delete;
  OnThisThread& operator=(const OnThisThread&) = delete;

 private:
  static c10::AutogradState& state() { return c10::AutogradState::get_tls_state(); }
  bool before_ = state().get_multithreading_enabled();
};

}  // namespace

void backward(const at::Tensor& loss) {
  const OnThisThread scope;
  loss.backward();
}

ShardedGradients sharded_gradients(int shards, int threads,
                                   const std::function<ShardResult(int shard)>& forward) {
  std::vector<ShardResult> results(static_cast<std::size_t>(shards));
  parallel_for(shards, threads, [&](std::int64_t shard) {
    ShardResult result = forward(static_cast<int>(shard));
    {
      RECORD_USER_SCOPE("backward");
      backward(result.loss);
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
  // On a GPU a few kernels for all of them, not some for each.
  const at::Tensor norm = at::stack(at::_foreach_norm(gradients)).to(at::kDouble).norm();
  if (limit <= 0) return norm;
  // The factor stays on the device: to compare here would wait for it.
  const at::Tensor factor = at::where(norm > limit, limit / (norm + 1e-6), 1.0).to(at::kFloat);
  at::_foreach_mul_(gradients, factor);
  return norm;
}

}  // namespace permafrost
