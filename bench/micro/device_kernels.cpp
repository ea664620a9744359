// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/device_kernels.h"

#include <torch/csrc/autograd/profiler_kineto.h>

#include <algorithm>
#include <map>

#include "bench/micro/step_parts.h"

namespace permafrost {

namespace profiler = torch::autograd::profiler;

std::vector<DeviceKernel> device_kernels(const at::Device& device,
                                         const std::function<void()>& work) {
  const std::set<torch::profiler::impl::ActivityType> activities{
      torch::profiler::impl::ActivityType::CUDA};
  const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO);
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
  work();
  wait_for(device);
  const auto result = profiler::disableProfiler();
  std::map<std::string, DeviceKernel> by_name;
  for (const auto& event : result->events()) {
    if (event.deviceType() != device.type()) continue;
    DeviceKernel& kernel = by_name[event.name()];
    kernel.seconds += static_cast<double>(event.durationNs()) * 1e-9;
    ++kernel.calls;
  }
  std::vector<DeviceKernel> kernels;
  for (auto& [name, kernel] : by_name) {
    kernel.name = name;
    kernels.push_back(kernel);
  }
  std::sort(kernels.begin(), kernels.end(),
            [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return kernels;
}

}  // namespace permafrost
