// SPDX-License-Identifier: Apache-2.0
#pragma once

// Gradients of probe heads on a batch. On the CPU they are computed in closed form, without
// autograd; deep heads and heads on a GPU take autograd.
#include <ATen/core/Tensor.h>

#include "probes/heads/fused_head.h"
#include "probes/heads/head.h"
#include "probes/train/head_objective.h"

namespace permafrost {

class Backpropagation {
 public:
  // `head` outlives this; its weights are leaves of autograd.
  Backpropagation(HeadWeights& head, const HeadSpec& spec, const HeadObjective& objective);

  // Mean over the batch of the loss of standardised tokens [B,N,D], summed over the candidates (a
  // scalar without gradient). Leaves its gradients in grad() of the weights, valid until the next
  // call. `truth` is that of the objective.
  at::Tensor operator()(const at::Tensor& tokens, const at::Tensor& truth);

 private:
  LossGradient mean_loss(const at::Tensor& logits, const at::Tensor& truth) const;
  at::Tensor fused(const at::Tensor& tokens, const at::Tensor& truth);
  at::Tensor of_means(const at::Tensor& tokens, const at::Tensor& truth);

  HeadWeights& head_;
  HeadSpec spec_;
  const HeadObjective& objective_;
  FusedHead fused_;
};

}  // namespace permafrost
