// SPDX-License-Identifier: Apache-2.0
#pragma once

// Attentive heads over long videos that are made of clips of a pool.
//
// One query takes from a clip three things that do not depend on what else is in the video: the
// largest score m of its tokens, the sum s of exp(score - m), and the tokens' sum a weighted by
// those exponentials. What it takes from a video is what it takes from its clips, added with
// weights exp(m - M) and divided by the sum of s. So the tokens of a clip are read once, however
// many videos it is in and however often: a video of ten million tokens costs as much as the number
// of different clips in it, and is exact. The same holds for gradients.
//
//   const ClipSums sums = clip_sums(directions, pool);            // FusedHead::directions
//   const at::Tensor means = means_of_videos(sums, videos, directions);
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "probes/heads/fused_head.h"

namespace permafrost {

// What the queries take from each of P clips; j = candidate and head.
struct ClipSums {
  at::Tensor largest;   // float32 [j,P]
  at::Tensor sum;       // float32 [j,P]
  at::Tensor weighted;  // float32 [j,P,D]
};

// Of standardised tokens [P,n,D] with directions [j,D]. Threads change no bit.
ClipSums clip_sums(const at::Tensor& directions, const at::Tensor& tokens, int threads = 1);

// V videos as clips of a pool. A softmax does not ask in which order tokens come; where the head is
// to know when a clip was, the video is cut into S steps, and the code of its step is added to
// every token of a clip.
struct PoolVideos {
  at::Tensor
      counts;  // float64 [V,S,P], how often a clip is in a step of a video; S is 1 without code
  at::Tensor code;  // float32 [S,D]; undefined: none
};

// Sines and cosines of (step + 1/2) / steps, of full, half, third ... periods over the video, with
// amplitude 1: float32 [S,D].
at::Tensor time_code(std::int64_t steps, std::int64_t width);

// The weighted means of the tokens of each video, float32 [j,V,D]; sums are in float64.
at::Tensor means_of_videos(const ClipSums& sums, const PoolVideos& videos,
                           const at::Tensor& directions);

// logits() and gradients() of FusedHead for such videos.
class PoolHead {
 public:
  PoolHead(const HeadSpec& spec, std::int64_t candidates, int threads = 1)
      : fused_(spec, candidates), threads_(threads) {}

  // Logits [L,V,C]; tokens [P,n,D] standardised.
  at::Tensor logits(const HeadWeights& weights, const at::Tensor& tokens, const PoolVideos& videos);
  // For the gradient at the logits of the last logits(), which had the same arguments; valid until
  // the next call.
  HeadWeights& gradients(const HeadWeights& weights, const at::Tensor& tokens,
                         const PoolVideos& videos, const at::Tensor& logits_gradient);

 private:
  FusedHead fused_;
  int threads_;
  at::Tensor directions_;  // [j,D]
  ClipSums sums_;
  at::Tensor means_;  // [j,V,D]
};

}  // namespace permafrost
