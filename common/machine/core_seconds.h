// SPDX-License-Identifier: Apache-2.0
#pragma once

// Processor time that this process has taken so far, all its threads together, in seconds.
#include <ctime>

namespace permafrost {

inline double core_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace permafrost
