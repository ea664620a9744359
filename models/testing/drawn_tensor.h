// SPDX-License-Identifier: Apache-2.0
#pragma once

// A tensor of N(0,1), the same for the same number. Tests only.
#include "models/network/layers/linear.h"

namespace permafrost {

inline at::Tensor drawn(at::IntArrayRef shape, std::uint64_t sample) {
  RandomStream stream({.seed = 7, .purpose = "test", .sample = sample});
  return normal_tensor(shape, 1, stream);
}

}  // namespace permafrost
