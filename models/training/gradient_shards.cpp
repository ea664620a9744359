// SPDX-License-Identifier: Apache-2.0
#include "models/training/gradient_shards.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <c10/core/AutogradState.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>
#include <mutex>
#include <optional>

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

ShardedGradients added_here(const std::vector<ShardResult>& results, Addition addition) {
  ShardedGradients total;
  std::vector<std::vector<at::Tensor>> gradients;  // [shards][leaves]
  for (const auto& result : results) {
    const at::Tensor loss = loss_of(result);
    total.loss = total.loss.defined() ? total.loss + loss : loss;
    auto& mine = gradients.emplace_back();
    for (const auto& leaf : result.leaves) mine.push_back(gradient_of(leaf));
  }
  add_all(addition, static_cast<std::int64_t>(gradients.size()),
          [&](std::int64_t to, std::int64_t from) {
            const auto& more = gradients[static_cast<std::size_t>(from)];
            const auto& sum = gradients[static_cast<std::size_t>(to)];
            for (std::size_t i = 0; i < more.size(); ++i) sum[i].add_(more[i]);
          });
  total.gradients = std::move(gradients[0]);
  return total;
}

class GiveGradient : public torch::autograd::PostAccumulateGradHook {
 public:
  GiveGradient(GradientSum& sum, int shard, std::size_t number)
      : sum_(sum), shard_(shard), number_(number) {}
  void operator()(const at::Tensor& leaf) override { sum_.give(shard_, number_, leaf.grad()); }

 private:
  GradientSum& sum_;
  int shard_;
  std::size_t number_;
};

// What the shards of this rank do together. A GPU's gradients are sent while backward passes run: a
// copy from it waits for what was queued before, and a gradient is given once it is queued.
class OverRanks {
 public:
  OverRanks(const StepShards& work, int shards) : work_(work), shards_(shards) {}

  // Before the backward pass of a shard, from its thread.
  void send_gradients_of(int shard, const std::vector<at::Tensor>& leaves) {
    {
      const std::lock_guard lock(mutex_);
      if (!sum_)
        sum_.emplace(*work_.group,
                     GradientSumOptions{.shards = shards_,
                                        .reduce = work_.reduce,
                                        .addition = work_.addition,
                                        .beside_computing = !leaves[0].is_cpu()},
                     leaves);
    }
    for (std::size_t i = 0; i < leaves.size(); ++i)
      torch::autograd::impl::set_post_acc_grad_hooks(
          leaves[i], std::make_unique<GiveGradient>(*sum_, shard, i));
  }

  // After all of them.
  ShardedGradients finish(const std::vector<ShardResult>& results) {
    RECORD_USER_SCOPE("exchange");
    ShardedGradients total{.loss = loss_of(results[0]), .gradients = sum_->finish()};
    if (!work_.wants_loss) {
      for (std::size_t i = 1; i < results.size(); ++i)
        total.loss = total.loss + loss_of(results[i]);
      return total;
    }
    std::vector<double> losses;
    for (const auto& result : results) losses.push_back(loss_of(result).item<double>());
    losses = of_all_shards(*work_.group, losses);
    double sum = losses[0];
    for (std::size_t i = 1; i < losses.size(); ++i) sum += losses[i];
    total.loss = at::scalar_tensor(sum, at::kDouble);
    return total;
  }

 private:
  const StepShards& work_;
  int shards_;
  std::mutex mutex_;
  std::optional<GradientSum> sum_;
};

}  // namespace

void backward(const at::Tensor& loss) {
  const OnThisThread scope;
  loss.backward();
}

ShardedGradients sharded_gradients(const StepShards& work,
                                   const std::function<ShardResult(int shard)>& forward) {
  const ShardRange mine = own_shards(work.shards, work.group);
  std::vector<ShardResult> results(static_cast<std::size_t>(mine.count));
  std::optional<OverRanks> over_ranks;  // ends before what its hooks hang on
  if (work.group != nullptr) over_ranks.emplace(work, mine.count);
  parallel_for(mine.count, work.threads, [&](std::int64_t i) {
    ShardResult& result = results[static_cast<std::size_t>(i)];
    result = forward(mine.first + static_cast<int>(i));
    if (over_ranks) over_ranks->send_gradients_of(static_cast<int>(i), result.leaves);
    RECORD_USER_SCOPE("backward");
    backward(result.loss);
  });
  const at::NoGradGuard no_grad;
  return over_ranks ? over_ranks->finish(results) : added_here(results, work.addition);
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
