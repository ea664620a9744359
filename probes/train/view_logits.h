// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a trained head says of samples in one view or several, in chunks that fit in memory.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "probes/heads/head.h"

namespace permafrost {

using Samples = std::vector<std::int64_t>;
// Tokens [B,N,D] of samples; the same in every view.
using TokensOf = std::function<at::Tensor(const Samples&)>;
using ViewsOf = std::function<std::vector<at::Tensor>(const Samples&)>;

// Logits [L,n,C] of the samples, in chunks of at most 128 and about a gigabyte of tokens. They are
// on the host, wherever head and tokens are.
at::Tensor logits_of(const HeadWeights& head, const HeadSpec& spec, const TokensOf& tokens,
                     const Samples& samples);
// The same of each view that `tokens` gives.
std::vector<at::Tensor> logits_of_views(const HeadWeights& head, const HeadSpec& spec,
                                        const ViewsOf& tokens, const Samples& samples);

// Tokens that are one a sample [B,1,D], encoded in chunks: [n,D], and the same in every view.
at::Tensor means_of(const TokensOf& tokens, const Samples& samples);
std::vector<at::Tensor> means_of_views(const ViewsOf& tokens, const Samples& samples);

// Mean over the views of what `scores` gives for one of them.
at::Tensor averaged(const std::vector<at::Tensor>& views,
                    const std::function<at::Tensor(const at::Tensor&)>& scores);

// A row [C] as plain numbers.
std::vector<float> values_of(const at::Tensor& row);

}  // namespace permafrost
