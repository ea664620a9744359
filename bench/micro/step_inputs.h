// SPDX-License-Identifier: Apache-2.0
#pragma once

// What scripts/lib/pretrain_step.py needs to take the same steps as we do: a safetensors file of
// first weights, clips, and of every step its masks, or noise and its levels. The metadata key
// "step" has sizes, schedules, and the losses of our first steps to check against.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "models/pretraining/pretrain_config.h"

namespace permafrost {

struct StepInputs {
  std::string where;  // the configuration's file, for errors
  int threads = 1;
  at::Device device = at::kCPU;
  std::int64_t warmup = 3, steps = 20;  // that are not timed, and that are
  std::int64_t losses = 3;              // first steps to check
};

// Clips uint8 [batch,T,H,W,3]. Throws InputError for an objective or an encoder that
// pretrain_step.py cannot build.
void write_step_inputs(const std::string& path, PretrainConfig config, const at::Tensor& clips,
                       const StepInputs& inputs);

}  // namespace permafrost
