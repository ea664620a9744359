// SPDX-License-Identifier: Apache-2.0
#pragma once

// A third kind of feed-forward layer: the usual one, which wants its outputs to be small and tells
// how many of its inputs are above zero. Tests only.
#include <ATen/ATen.h>

#include "models/network/layers/feed_forward.h"

namespace permafrost::toy {

inline at::Tensor apply_small(const FeedForwardWeights& weights, const FeedForwardSpec& spec,
                              const at::Tensor& x, BlockTrace* trace) {
  at::Tensor y = feed_forward_kind(kGelu).apply(weights, spec, x, trace);
  if (trace == nullptr) return y;
  trace->losses.emplace_back("toy_size", 0.5 * y.square().mean().to(at::kFloat));
  trace->statistics.emplace_back("toy_above", x.detach().gt(0).to(at::kFloat).mean());
  return y;
}

inline FeedForwardKind small_feed_forward() {
  FeedForwardKind kind = feed_forward_kind(kGelu);
  kind.name = "toy_small";
  kind.apply = apply_small;
  return kind;
}

// A program that includes this file knows the layer.
inline const bool small_feed_forward_is_known = (register_feed_forward(small_feed_forward()), true);

}  // namespace permafrost::toy
