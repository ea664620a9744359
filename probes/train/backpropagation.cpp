// SPDX-License-Identifier: Apache-2.0
#include "probes/train/backpropagation.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "models/training/gradient_shards.h"

namespace permafrost {
namespace {

bool in_closed_form(const at::Tensor& tokens) {
  return tokens.is_cpu() && tokens.scalar_type() == at::kFloat;
}

}  // namespace

Backpropagation::Backpropagation(HeadWeights& head, const HeadSpec& spec,
                                 const HeadObjective& objective)
    : head_(head), spec_(spec), objective_(objective), fused_(spec, head.linear_weight.size(0)) {}

// Mean loss of logits [L,B,C] and its gradient there.
LossGradient Backpropagation::mean_loss(const at::Tensor& logits, const at::Tensor& truth) const {
  LossGradient sum =
      objective_.with_gradient(logits.flatten(0, 1), repeated(truth, logits.size(0)));
  const auto count = static_cast<double>(truth.size(0));
  return {sum.loss / count, sum.gradient.view_as(logits) / count};
}

at::Tensor Backpropagation::operator()(const at::Tensor& tokens, const at::Tensor& truth) {
  if (FusedHead::handles(spec_, tokens)) return fused(tokens, truth);
  if (sees_the_mean_alone(spec_.kind) && in_closed_form(tokens)) return of_means(tokens, truth);
  const at::Tensor logits = training_logits(head_, spec_, tokens);  // [L,B,C]
  const at::Tensor loss = objective_.summed(logits.flatten(0, 1), repeated(truth, logits.size(0))) /
                          static_cast<double>(truth.size(0));
  backward(loss);
  return loss.detach();
}

at::Tensor Backpropagation::fused(const at::Tensor& tokens, const at::Tensor& truth) {
  const at::NoGradGuard no_grad;
  const LossGradient loss = mean_loss(fused_.logits(head_, tokens, true), truth);
  std::vector<at::Tensor> gradients;
  visit(fused_.gradients(head_, tokens, loss.gradient), spec_.kind,
        [&](const std::string&, at::Tensor& gradient) { gradients.push_back(gradient); });
  std::size_t i = 0;
  visit(head_, spec_.kind,
        [&](const std::string&, at::Tensor& weight) { weight.mutable_grad() = gradients[i++]; });
  return loss.loss;
}

// One linear layer [L*C,D] on [B,D], the same for all candidates.
at::Tensor Backpropagation::of_means(const at::Tensor& tokens, const at::Tensor& truth) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = training_means(head_, spec_.kind, tokens);
  const at::Tensor &weight = head_.linear_weight, &bias = head_.linear_bias;
  const at::Tensor logits = at::linear(x, weight.flatten(0, 1), bias.flatten())
                                .view({x.size(0), weight.size(0), weight.size(1)})
                                .transpose(0, 1);
  const LossGradient loss = mean_loss(logits.contiguous(), truth);
  // Zeros in place of samples without a part in the gradient, which may be NaN.
  const at::Tensor counts = loss.gradient.ne(0).any(0).any(1, true);
  const at::Tensor counted = at::where(counts, x, at::zeros({}, x.options()));
  head_.linear_bias.mutable_grad() = loss.gradient.sum(1);
  head_.linear_weight.mutable_grad() = at::matmul(loss.gradient.transpose(1, 2), counted);
  return loss.loss;
}

}  // namespace permafrost
