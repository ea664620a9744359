// SPDX-License-Identifier: Apache-2.0
#pragma once

// The attentive head without blocks in closed form, on the CPU in float32: logits and the gradients
// of all weights, the same function as head_logits and what autograd makes of it.
//
// A step reads the tokens twice, once forward and once backward, in blocks that stay in the cache;
// what autograd would keep of every token is one number a candidate and head. Everything runs on
// the calling thread.
//
//   FusedHead fused(spec, candidates);
//   const at::Tensor logits = fused.logits(weights, tokens, true);
//   HeadWeights& gradients = fused.gradients(weights, tokens, gradient_of_logits);
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "probes/heads/head.h"

namespace permafrost {

class FusedHead {
 public:
  // Is it this head, and are these tokens (or weights) float32 on the host?
  static bool handles(const HeadSpec& spec, const at::Tensor& tokens);

  FusedHead(const HeadSpec& spec, std::int64_t candidates);

  // Logits [L,B,C] of standardised tokens [B,N,D]. With `trains` it keeps what gradients() needs.
  // Throws Error for tokens of another width.
  at::Tensor logits(const HeadWeights& weights, const at::Tensor& tokens, bool trains);

  // Gradients of all weights, for the gradient at the logits [L,B,C] of the last logits(), which
  // had the same arguments. A clip whose row is zero for all candidates has no part in them,
  // whatever its tokens are (NaN). They are valid until the next call.
  HeadWeights& gradients(const HeadWeights& weights, const at::Tensor& tokens,
                         const at::Tensor& logits_gradient);

 private:
  // Memory that grows to what was asked for last, and is aligned.
  class Room {
   public:
    float* of(std::int64_t count);
    float* operator()() const { return tensor_.data_ptr<float>(); }

   private:
    at::Tensor tensor_;
  };

  void point(const HeadWeights& weights);
  void attend(const float* tokens, bool trains);
  void look(const float* tokens, std::int64_t clip, bool trains);
  void classify(const HeadWeights& weights, std::int64_t l, float* logits);
  void forget(const std::vector<bool>& skipped);
  void unclassify(const HeadWeights& weights, std::int64_t l, const float* logits_gradient);
  void unmix(const HeadWeights& weights, std::int64_t l);
  void unattend(const float* tokens, const std::vector<bool>& skipped);
  void unpoint(const HeadWeights& weights, std::int64_t l);

  // Sizes: candidates, heads, D, D / heads, hidden units, classes; clips, tokens, tokens of a block
  // and blocks of a clip.
  std::int64_t l_, h_, d_, hd_, hidden_, c_;
  std::int64_t b_ = 0, n_ = 0, block_ = 0, blocks_ = 0;
  HeadWeights gradients_;
  // With j = candidate and head: queries [L,D]; keyed_, directions_ and their gradient [j,D].
  Room queries_, keyed_, directions_, directions_gradient_;
  // scores_ [B,blocks,j,block] exponentials, block_scale_ [B,blocks,j] what makes weights of them.
  Room scores_, block_scale_, largest_, sum_, scores_gradient_, transposed_, dots_;
  Room means_, means_gradient_;  // [j,B,D]
  // [L,B,*], of every candidate: what its MLP and linear layer saw.
  Room state_, standardised_, normed_, inverse_, hidden_values_, slopes_;
  // Of one candidate at a time.
  Room packed_, bias_, state_gradient_, hidden_gradient_, normed_gradient_;
};

}  // namespace permafrost
