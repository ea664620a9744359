// SPDX-License-Identifier: Apache-2.0
#pragma once

// A router on a CPU in one pass over the tokens, by loops of our own (models/kernels). A token's
// numbers do not depend on how many tokens there are, to the bit.
#include "models/network/layers/routing.h"

namespace permafrost {

// As route(), but for capacity: of gate [E,D] and x [B,N,D], float32 on a CPU. One thread; may be
// called from several.
Routing cpu_routing(const at::Tensor& gate, const at::Tensor& x, const RoutingSpec& spec);

}  // namespace permafrost
