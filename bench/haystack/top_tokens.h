// SPDX-License-Identifier: Apache-2.0
#pragma once

// Attention over the tokens of a video with the largest scores alone: hay has no weight as long as
// enough of a needle stands out, however much hay there is.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "probes/heads/pool_attention.h"

namespace permafrost {

class TopTokens {
 public:
  // Queries with directions [j,D] over standardised tokens [P,n,D] of the clips of a pool; each
  // attends to at most so many tokens of a video.
  TopTokens(const at::Tensor& directions, const at::Tensor& tokens, std::int64_t most);

  // The weighted means, float32 [j,V,D], as means_of_videos(). A clip that is in a video several
  // times gives its tokens as often. Throws Error for videos with a time code.
  at::Tensor means(const PoolVideos& videos, int threads = 1) const;

 private:
  void add_mean(std::int64_t query, const double* counts, float* mean) const;

  at::Tensor tokens_;  // [P*n,D]
  at::Tensor scores_;  // float32 [j,P*n], descending
  at::Tensor order_;   // int64 [j,P*n]: rows of tokens_
  std::int64_t most_, of_clip_;
};

}  // namespace permafrost
