// SPDX-License-Identifier: Apache-2.0
#pragma once

// Standardised tokens of the clips that videos of a haystack are made of.
#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "bench/haystack/haystack_spec.h"
#include "models/encoders/encoder.h"

namespace permafrost {

struct ClipPools {
  at::Tensor train_hay, train_needles;  // float32 [P,n,D]
  at::Tensor test;                      // hay first, then needles
  std::map<std::string, std::string> identities;
};

synthetic::NeedleSource pool_source(const HaystackSpec& spec, bool needles, synthetic::Split split,
                                    const ClipShape& shape);

// Those of a pool [P,n,D], in this order.
at::Tensor clips_of_pool(const at::Tensor& pool, const std::vector<std::int64_t>& which);

ClipPools encode_pools(const HaystackSpec& spec, const Encoder& encoder);
// What they take at most.
double pools_bytes(const HaystackSpec& spec, const EncoderSpec& encoder);
// Tokens that are kept of a clip.
std::int64_t kept_tokens(const EncoderSpec& encoder, Pooling pooling);

}  // namespace permafrost
