// SPDX-License-Identifier: Apache-2.0
#pragma once

// AdamW over a list of parameter groups, on libtorch's fused kernel.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "models/network/layers/named_tensors.h"

namespace permafrost {

struct AdamGroup {
  std::vector<at::Tensor> parameters;
  std::vector<at::Tensor> first, second;  // moments
  double learning_rate_scale = 1.0;       // layer-wise decay in fine-tuning
  bool decayed = true;                    // biases and 1-D tensors are not
};

class AdamW {
 public:
  // Cuts the tensors into a decayed and an undecayed group; the scale holds for both.
  void add(const NamedTensors& tensors, double learning_rate_scale = 1.0);
  // One step with gradients in the order the parameters were added. betas 0.9, 0.999; eps 1e-8.
  void step(const std::vector<at::Tensor>& gradients, double learning_rate, double weight_decay);

  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }  // of moments that were put in place
  // Moments by parameter name ("optimizer.first.NAME"), for checkpoints.
  NamedTensors state() const;
  // Takes moments of the same names and shapes; `steps` is what steps() gave.
  void restore(const NamedTensors& state, std::int64_t steps);

 private:
  struct Entry {
    std::string name;
    std::size_t group, place;
  };
  std::vector<AdamGroup> groups_;
  std::vector<Entry> entries_;
  std::int64_t steps_ = 0;
};

}  // namespace permafrost
