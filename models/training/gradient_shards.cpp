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

// A leaf that no sample reached has no gradient: zero.
at::Tensor gradient_of(const at::Tensor& leaf) {
  return leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf);
}

at::Tensor loss_of(const ShardResult& result) { return result.loss.detach().to(at::kDouble); }

ShardedGradients added_here(const std::vector<ShardResult>& results) {
  ShardedGradients total;
  for (std::size_t shard = 0; shard < results.size(); ++shard) {
    const at::Tensor loss = loss_of(results[shard]);
    total.loss = shard == 0 ? loss : total.loss + loss;
    for (std::size_t i = 0; i < results[shard].leaves.size(); ++i) {
      const at::Tensor gradient = gradient_of(results[shard].leaves[i]);
      if (shard == 0)
        total.gradients.push_back(gradient);
      else
        total.gradients[i].add_(gradient);
    }
  }
  return total;
}

ShardedGradients added_over_ranks(const StepShards& work, const std::vector<ShardResult>& results) {
  RECORD_USER_SCOPE("exchange");
  ShardedGradients total;
  std::vector<std::vector<at::Tensor>> of_shards;
  std::vector<double> losses;
  for (const auto& result : results) {
    auto& gradients = of_shards.emplace_back();
    for (const auto& leaf : result.leaves) gradients.push_back(gradient_of(leaf).contiguous());
    losses.push_back(loss_of(result).item<double>());
  }
  total.gradients = summed_over_ranks(*work.group, of_shards, work.reduce);
  if (work.wants_loss) losses = of_all_shards(*work.group, losses);
  double sum = losses[0];
  for (std::size_t i = 1; i < losses.size(); ++i) sum += losses[i];
  total.loss = at::scalar_tensor(sum, at::kDouble);
  return total;
}

}  // namespace

void backward(const at::Tensor& loss) {
  const OnThisThread scope;
  loss.backward();
}

ShardedGradients sharded_gradients(const StepShards& work,
                                   const std::function<ShardResult(int shard)>& forward) {
  const ShardRange mine = own_shards(work.shards, work.group);
  std::vector<ShardResult> results(static_cast<std::size_t>(mine.count));
  parallel_for(mine.count, work.threads, [&](std::int64_t i) {
    ShardResult result = forward(mine.first + static_cast<int>(i));
    {
      RECORD_USER_SCOPE("backward");
      backward(result.loss);
    }
    results[static_cast<std::size_t>(i)] = std::move(result);
  });
  const at::NoGradGuard no_grad;
  return work.group == nullptr ? added_here(results) : added_over_ranks(work, results);
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
