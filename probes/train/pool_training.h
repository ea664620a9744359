// SPDX-License-Identifier: Apache-2.0
#pragma once

// Training of a head on long videos that are made of clips of a pool
// (probes/heads/pool_attention.h): a step reads the tokens of the clips that its videos are made
// of, once each.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "probes/heads/pool_attention.h"

namespace permafrost {

// Some videos, their clips and what is true of them.
struct PoolBatch {
  at::Tensor tokens;  // standardised, float32 [P,n,D]
  PoolVideos videos;  // V of them
  at::Tensor truth;   // int64 [V], classes
};

// Each clip as a video of its own.
PoolBatch each_once(const at::Tensor& tokens, const at::Tensor& truth);

// As for the probes of protocol.h: AdamW, cosine learning rate to 0, cosine weight decay to 1e-6.
struct PoolTraining {
  int steps = 1000;
  std::vector<double> learning_rates{1e-3, 3e-3};  // one candidate each, all in one pass
  double weight_decay = 0.01;
  double clip_grad = 1.0;
  std::uint64_t seed = 1;
  int threads = 1;  // changes no number
};

// All candidates of an attentive head without blocks, or of a mean_pool head. `batch` is asked for
// steps 0, 1, ...; `done` is called after each. Throws InputError for another kind of head.
HeadWeights train_pool_head(const HeadSpec& spec, const PoolTraining& training,
                            const std::function<PoolBatch(std::int64_t step)>& batch,
                            const std::function<void()>& done = {});

// Logits [L,V,C] of such a head.
at::Tensor pool_logits(const HeadWeights& head, const HeadSpec& spec, const PoolBatch& batch,
                       int threads = 1);

// Mean token of each video, float32 [V,D], from the mean token of each clip [P,D].
at::Tensor mean_tokens(const at::Tensor& clip_means, const PoolVideos& videos);

}  // namespace permafrost
