// SPDX-License-Identifier: Apache-2.0
#pragma once

// What blocks tell besides the tokens they pass on: whoever asks gives encode() a trace.
#include "models/network/layers/named_tensors.h"

namespace permafrost {

// Scalars, an entry for every block that has something to tell, in order of the blocks.
struct BlockTrace {
  NamedTensors losses;      // with gradients: to be added to whatever is minimised, as they are
  NamedTensors statistics;  // without: for a log, which takes the mean of those of one name
};

}  // namespace permafrost
