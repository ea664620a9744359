// SPDX-License-Identifier: Apache-2.0
#include "bench/records/build_info.h"

#include <ATen/Version.h>
#include <torch/version.h>

#include <fstream>

#include "bench/build_commit.h"

namespace permafrost {
namespace {

std::string model_of_cpu() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos)
      return line.substr(colon + 2);
  }
  return "";
}

}  // namespace

BuildInfo build_info(const std::string& device) {
  static const std::string model = model_of_cpu();
  return {.version = PERMAFROST_VERSION,
          .commit = PERMAFROST_COMMIT,
          .libtorch = TORCH_VERSION,
          .device = device,
          .processor = (model.empty() ? "" : model + ", ") + at::get_cpu_capability()};
}

}  // namespace permafrost
