// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a GPU was busy with, kernel by kernel, as LibTorch's profiler (Kineto) hears it.
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

namespace permafrost {

struct DeviceKernel {
  std::string name;
  double seconds = 0;  // of all calls together
  std::int64_t calls = 0;
};

// Of all that `work` does on `device`, which must not be the CPU; the longest first.
std::vector<DeviceKernel> device_kernels(const at::Device& device,
                                         const std::function<void()>& work);

}  // namespace permafrost
