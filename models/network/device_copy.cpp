// SPDX-License-Identifier: Apache-2.0
#include "models/network/device_copy.h"

#include <ATen/ATen.h>

namespace permafrost {

at::Tensor queued_copy(const at::Tensor& host, const at::Device& device) {
  // By type: "cuda" without a number is the current device.
  if (device.is_cpu() || host.device().type() == device.type()) return host;
  return host.pin_memory().to(device, host.scalar_type(), /*non_blocking=*/true);
}

}  // namespace permafrost
