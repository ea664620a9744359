// SPDX-License-Identifier: Apache-2.0
#include "models/training/moving_average.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

namespace permafrost {

void follow(const NamedTensors& slow, const NamedTensors& fast, double momentum) {
  RECORD_USER_SCOPE("ema");
  const at::NoGradGuard no_grad;
  const auto values = values_of(slow);
  at::_foreach_mul_(values, momentum);
  at::_foreach_add_(values, values_of(fast), 1.0 - momentum);
}

}  // namespace permafrost
