// SPDX-License-Identifier: Apache-2.0
#include "probes/train/stacked_adamw.h"

#include <torch/types.h>

#include <cmath>

#include "models/training/schedule.h"

namespace permafrost {
namespace {

at::Tensor floats(const std::vector<double>& values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).to(at::kFloat);
}

}  // namespace

StackedAdamW::StackedAdamW(HeadWeights& weights, HeadKind kind) {
  visit(weights, kind, [&](const std::string& name, at::Tensor& tensor) {
    tensor.set_requires_grad(true);
    const bool plain = name.find("bias") != std::string::npos || tensor.dim() == 2;
    entries_.push_back({tensor, at::zeros_like(tensor), at::zeros_like(tensor), !plain});
  });
}

void StackedAdamW::step(const at::Tensor& learning_rates, const at::Tensor& weight_decays,
                        double clip) {
  const at::NoGradGuard no_grad;
  ++steps_;
  const at::Tensor shrink = clip_factor(clip);
  const double bias1 = 1 - std::pow(0.9, steps_), bias2 = 1 - std::pow(0.999, steps_);
  for (auto& e : entries_) {
    const auto along = [&](const at::Tensor& per_candidate) {
      std::vector<std::int64_t> shape(static_cast<std::size_t>(e.value.dim()), 1);
      shape[0] = -1;
      return per_candidate.view(shape);
    };
    const at::Tensor gradient = e.value.grad() * along(shrink);
    if (e.decayed) e.value.mul_(along(1 - learning_rates * weight_decays));
    e.first.mul_(0.9).add_(gradient, 0.1);
    e.second.mul_(0.999).addcmul_(gradient, gradient, 0.001);
    const at::Tensor denominator = (e.second / bias2).sqrt_().add_(1e-8);
    e.value.sub_(along(learning_rates) * (e.first / bias1) / denominator);
    e.value.mutable_grad().zero_();
  }
}

// [L]: what scales each candidate's gradient to norm `clip` where it is larger.
at::Tensor StackedAdamW::clip_factor(double clip) const {
  at::Tensor squares =
      at::zeros({entries_[0].value.size(0)}, entries_[0].value.options().requires_grad(false));
  if (clip <= 0) return at::ones_like(squares);
  for (const auto& e : entries_) squares.add_(e.value.grad().square().flatten(1).sum(1));
  return at::clamp_max(clip / (squares.sqrt() + 1e-6), 1.0);
}

StackedSchedule::StackedSchedule(const std::vector<ProbeCandidate>& candidates, std::int64_t steps)
    : candidates_(candidates), steps_(steps) {
  std::vector<double> rates;
  for (const auto& candidate : candidates) rates.push_back(candidate.learning_rate);
  peaks_ = floats(rates);
}

at::Tensor StackedSchedule::learning_rates(std::int64_t step) const {
  const LearningRate shape{.start = 0, .peak = 1, .final = 0, .warmup = 0, .length = steps_};
  return peaks_ * shape.at(step);
}

at::Tensor StackedSchedule::weight_decays(std::int64_t step) const {
  std::vector<double> decays;
  for (const auto& candidate : candidates_)
    decays.push_back(
        WeightDecay{.start = candidate.weight_decay, .final = 1e-6, .length = steps_}.at(step));
  return floats(decays);
}

}  // namespace permafrost
