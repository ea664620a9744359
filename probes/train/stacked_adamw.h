// SPDX-License-Identifier: Apache-2.0
#pragma once

// AdamW over candidates side by side: the leading dimension of every tensor of a head, a learning
// rate, a weight decay and a gradient clip each. For probe training.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "probes/heads/head.h"
#include "probes/train/protocol.h"

namespace permafrost {

class StackedAdamW {
 public:
  // Shares the weights' storage and makes leaves of them. Biases, norms and the query are not
  // decayed.
  StackedAdamW(HeadWeights& weights, HeadKind kind);

  // One step with the gradients that the weights have (grad()), which are then taken away. Rates
  // and decays are float32 [L], where the weights are; each candidate's gradient is scaled down to
  // norm `clip` (0: never). On the CPU every tensor is passed over twice, once for the norm.
  void step(const at::Tensor& learning_rates, const at::Tensor& weight_decays, double clip);

 private:
  struct Entry {
    at::Tensor value, first, second;
    bool decayed;
  };
  void step_in_place(const at::Tensor& learning_rates, const at::Tensor& weight_decays,
                     double clip);
  void step_by_tensors(const at::Tensor& learning_rates, const at::Tensor& weight_decays,
                       double clip);
  at::Tensor clip_factor(double clip) const;

  std::vector<Entry> entries_;
  bool in_place_ = true;  // float32 on the host, every candidate's values side by side
  int steps_ = 0;
};

// Cosine learning rates to 0, cosine weight decays to 1e-6, of `steps` steps counted from 1.
class StackedSchedule {
 public:
  StackedSchedule(const std::vector<ProbeCandidate>& candidates, std::int64_t steps);
  at::Tensor learning_rates(std::int64_t step) const;  // float32 [L]
  at::Tensor weight_decays(std::int64_t step) const;

 private:
  std::vector<ProbeCandidate> candidates_;
  std::int64_t steps_;
  at::Tensor peaks_;
};

}  // namespace permafrost
