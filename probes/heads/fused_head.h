// SPDX-License-Identifier: Apache-2.0
#pragma once

// The attentive head without blocks in closed form, on the CPU in float32: logits and the gradients
// of all weights, the same function as head_logits and what autograd makes of it.
//
// A step reads the tokens twice, once forward and once backward, in blocks that stay in the cache;
// what autograd would keep of every token is one number a candidate and head. Everything runs on
// the calling thread.
//
// Tokens may also come a block at a time (TokenRows), from more than memory holds. Then nothing is
// kept of a token: the backward pass computes the scores once more. Blocks are the same, and so are
// all numbers, to the last bit.
//
//   FusedHead fused(spec, candidates);
//   const at::Tensor logits = fused.logits(weights, tokens, true);
//   HeadWeights& gradients = fused.gradients(weights, tokens, gradient_of_logits);
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "probes/heads/head.h"
#include "probes/heads/token_rows.h"

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

  // The same two, of tokens that are read a block at a time.
  at::Tensor logits(const HeadWeights& weights, TokenRows& tokens, bool trains);
  HeadWeights& gradients(const HeadWeights& weights, TokenRows& tokens,
                         const at::Tensor& logits_gradient);

  // The parts of them, for tokens that somebody else attends to (pool_attention.h). With j =
  // candidate and head: the directions [j,D] that tokens are multiplied by, the softmax of which
  // weighs them;
  at::Tensor directions(const HeadWeights& weights);
  // logits [L,B,C] of weighted means [j,B,D];
  at::Tensor logits_of_means(const HeadWeights& weights, const at::Tensor& means);
  // from the gradient at the logits of the last logits_of_means() that at its means, [j,B,D];
  at::Tensor means_gradient(const HeadWeights& weights, const at::Tensor& logits_gradient);
  // and gradients() for the gradient at the directions, [j,D].
  HeadWeights& gradients_of_directions(const HeadWeights& weights,
                                       const at::Tensor& directions_gradient);

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
  void size_for(std::int64_t clips, std::int64_t tokens);
  void attend(TokenRows& tokens, bool trains);
  void look(TokenRows& tokens, std::int64_t clip, bool trains);
  void score(std::int64_t count, float* scores);
  void score_again(std::int64_t clip, std::int64_t block, std::int64_t count);
  at::Tensor classified(const HeadWeights& weights);
  void classify(const HeadWeights& weights, std::int64_t l, float* logits);
  void forget(const std::vector<bool>& skipped);
  void unclassify(const HeadWeights& weights, std::int64_t l, const float* logits_gradient);
  void unmix(const HeadWeights& weights, std::int64_t l);
  HeadWeights& room_for_gradients(const HeadWeights& weights);
  std::vector<bool> back_to_means(const HeadWeights& weights, const at::Tensor& logits_gradient);
  void unattend(TokenRows& tokens, const std::vector<bool>& skipped);
  void unpoint(const HeadWeights& weights, std::int64_t l);

  // Sizes: candidates, heads, D, D / heads, hidden units, classes; clips, tokens, tokens of a block
  // and blocks of a clip.
  std::int64_t l_, h_, d_, hd_, hidden_, c_;
  std::int64_t b_ = 0, n_ = 0, block_ = 0, blocks_ = 0;
  bool keeps_scores_ = true;  // of the pass under way
  HeadWeights gradients_;
  // With j = candidate and head: queries [L,D]; keyed_, directions_ and their gradient [j,D].
  Room queries_, keyed_, directions_, directions_gradient_;
  // scores_ [B,blocks,j,block] exponentials, block_scale_ [B,blocks,j] what makes weights of them.
  // block_largest_ [B,blocks,j]: the largest score up to a block, where scores are not kept.
  Room scores_, block_scale_, block_largest_, largest_, sum_, scores_gradient_, transposed_, dots_;
  Room means_, means_gradient_;  // [j,B,D]
  // [L,B,*], of every candidate: what its MLP and linear layer saw.
  Room state_, standardised_, normed_, inverse_, hidden_values_, slopes_;
  // Of one candidate at a time.
  Room packed_, bias_, state_gradient_, hidden_gradient_, normed_gradient_;
};

}  // namespace permafrost
