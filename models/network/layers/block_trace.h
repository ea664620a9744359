// SPDX-License-Identifier: Apache-2.0
#pragma once

// What blocks tell besides the tokens they pass on: whoever asks gives encode() a trace.
#include "models/network/layers/named_tensors.h"

namespace permafrost {

// Factors of the losses of routers (routing.h), as they are added to what is minimised.
struct RouterLosses {
  double balance = 0, z = 0;
  bool any() const { return balance > 0 || z > 0; }
};

// Where the tokens of a block of experts went.
struct RoutedTokens {
  at::Tensor probabilities;  // float32 [B,N,E], without gradients
  at::Tensor chosen;         // int64 [B,N,k], best first
};

struct BlockTrace {
  // Scalars, an entry for every block that has something to tell, in order of the blocks.
  NamedTensors losses;      // with gradients: to be added to whatever is minimised, as they are
  NamedTensors statistics;  // without: for a log, which takes the mean of those of one name
  // What is asked of blocks of experts: losses with these factors, and where their tokens went, an
  // entry for each of these blocks in order.
  RouterLosses router = {};
  std::vector<RoutedTokens>* routes = nullptr;
};

}  // namespace permafrost
