// SPDX-License-Identifier: Apache-2.0
#pragma once

// One split of a source into what is trained on and what is tested.
#include <cstdint>
#include <vector>

namespace permafrost {

// Indices into one source. Samples that share a group stand on one side only.
struct Fold {
  std::vector<std::int64_t> train, test;
};

}  // namespace permafrost
