// SPDX-License-Identifier: Apache-2.0
#pragma once

// A feed-forward layer of experts: E layers of an ordinary kind side by side, of which a router
// (routing.h) picks k for every token; what they say is added up, times the gates. Arithmetic and
// speed are those of k experts, weights are E times as many.
#include "models/network/layers/feed_forward.h"

namespace permafrost {

// The kind "moe". Weights are drawn for every expert by itself, as those of a layer of its width;
// the router as N(0, 0.02^2 * 1024 / D).
FeedForwardKind mixture_of_experts();

}  // namespace permafrost
