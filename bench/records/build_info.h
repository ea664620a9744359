// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which program this is: goes into every record and into `permafrost doctor`.
#include <string>

namespace permafrost {

struct BuildInfo {
  std::string version;         // of the project
  std::string commit;          // git, "-dirty" with changes, "unknown" outside of a repository
  std::string libtorch;        // version that it was compiled against
  std::string device = "cpu";  // that the features were computed on
  // The CPU and the vectors that LibTorch uses of it, on which last digits depend; empty in records
  // of older programs. Where the system does not name the CPU, the vectors alone.
  std::string processor;
};

BuildInfo build_info(const std::string& device = "cpu");

}  // namespace permafrost
