// SPDX-License-Identifier: Apache-2.0
#pragma once

// The slow copy of a network that follows it: an exponential moving average of weights.
#include "models/network/layers/named_tensors.h"

namespace permafrost {

// slow = momentum * slow + (1 - momentum) * fast, in place; both lists in the same order.
void follow(const NamedTensors& slow, const NamedTensors& fast, double momentum);

}  // namespace permafrost
