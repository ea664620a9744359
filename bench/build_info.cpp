// SPDX-License-Identifier: Apache-2.0
#include "bench/build_info.h"

#include <torch/version.h>

#include "bench/build_commit.h"

namespace permafrost {

BuildInfo build_info(const std::string& device) {
  return {.version = PERMAFROST_VERSION,
          .commit = PERMAFROST_COMMIT,
          .libtorch = TORCH_VERSION,
          .device = device};
}

}  // namespace permafrost
