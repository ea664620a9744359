// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/top_tokens.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/machine/parallel.h"

namespace permafrost {

TopTokens::TopTokens(const at::Tensor& directions, const at::Tensor& tokens, std::int64_t most)
    : tokens_(tokens.flatten(0, 1).contiguous()), most_(most), of_clip_(tokens.size(1)) {
  const at::NoGradGuard no_grad;
  std::tie(scores_, order_) =
      at::sort(at::mm(directions, tokens_.t()), /*stable=*/true, /*dim=*/1, /*descending=*/true);
}

// From the largest score down, until there are enough tokens.
void TopTokens::add_mean(std::int64_t query, const double* counts, float* mean) const {
  const std::int64_t width = tokens_.size(1);
  const float* scores = scores_.data_ptr<float>() + query * scores_.size(1);
  const std::int64_t* order = order_.data_ptr<std::int64_t>() + query * order_.size(1);
  std::vector<double> sum(static_cast<std::size_t>(width));
  double weights = 0, left = static_cast<double>(most_), largest = 0;
  for (std::int64_t k = 0; k < scores_.size(1) && left > 0; ++k) {
    const double times = std::min(left, counts[order[k] / of_clip_]);
    if (times <= 0) continue;
    if (weights == 0) largest = scores[k];
    const double weight = times * std::exp(scores[k] - largest);
    const float* token = tokens_.data_ptr<float>() + order[k] * width;
    for (std::int64_t d = 0; d < width; ++d) sum[static_cast<std::size_t>(d)] += weight * token[d];
    weights += weight;
    left -= times;
  }
  for (std::int64_t d = 0; d < width; ++d)
    mean[d] = static_cast<float>(sum[static_cast<std::size_t>(d)] / weights);
}

at::Tensor TopTokens::means(const PoolVideos& videos, int threads) const {
  if (videos.code.defined()) throw Error("TopTokens: expected videos without a time code");
  const at::Tensor counts = videos.counts.sum(1).contiguous();  // [V,P]
  const std::int64_t number = counts.size(0), queries = scores_.size(0);
  at::Tensor means = at::empty({queries, number, tokens_.size(1)});
  parallel_for(queries * number, threads, [&](std::int64_t k) {
    add_mean(k / number, counts.data_ptr<double>() + k % number * counts.size(1),
             means.data_ptr<float>() + k * tokens_.size(1));
  });
  return means;
}

}  // namespace permafrost
