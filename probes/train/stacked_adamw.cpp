// SPDX-License-Identifier: Apache-2.0
#include "probes/train/stacked_adamw.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "models/kernels/kernels.h"
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
    in_place_ = in_place_ && tensor.is_cpu() && tensor.scalar_type() == at::kFloat &&
                tensor.is_contiguous();
  });
}

void StackedAdamW::step(const at::Tensor& learning_rates, const at::Tensor& weight_decays,
                        double clip) {
  const at::NoGradGuard no_grad;
  ++steps_;
  if (in_place_)
    step_in_place(learning_rates, weight_decays, clip);
  else
    step_by_tensors(learning_rates, weight_decays, clip);
  for (auto& e : entries_) e.value.mutable_grad().reset();
}

// A candidate at a time, so that its gradients are still in the cache after their norm is known.
void StackedAdamW::step_in_place(const at::Tensor& learning_rates, const at::Tensor& weight_decays,
                                 double clip) {
  const Kernels& k = kernels();
  const at::Tensor rates = learning_rates.contiguous(), decays = weight_decays.contiguous();
  std::vector<at::Tensor> gradients;
  for (const auto& e : entries_) gradients.push_back(e.value.grad().contiguous());
  const auto candidates = entries_[0].value.size(0);
  AdamWStep step;
  step.bias1 = static_cast<float>(1 - std::pow(0.9, steps_));
  step.bias2 = static_cast<float>(1 - std::pow(0.999, steps_));
  for (std::int64_t l = 0; l < candidates; ++l) {
    double squares = 0;
    for (const auto& gradient : gradients) {
      const std::int64_t count = gradient.numel() / candidates;
      const float* g = gradient.data_ptr<float>() + l * count;
      if (clip > 0) squares += static_cast<double>(k.dot(g, g, count));
    }
    // Not by std::min, which would take 1 for a norm that is not a number.
    const double factor = clip / (std::sqrt(squares) + 1e-6);
    step.scale = clip <= 0 || factor > 1 ? 1 : static_cast<float>(factor);
    step.rate = rates.data_ptr<float>()[l];
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      Entry& e = entries_[i];
      const std::int64_t count = gradients[i].numel() / candidates, at = l * count;
      step.decay = e.decayed ? decays.data_ptr<float>()[l] : 0;
      k.adamw(step, count, e.value.data_ptr<float>() + at, gradients[i].data_ptr<float>() + at,
              e.first.data_ptr<float>() + at, e.second.data_ptr<float>() + at);
    }
  }
}

void StackedAdamW::step_by_tensors(const at::Tensor& learning_rates,
                                   const at::Tensor& weight_decays, double clip) {
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
