// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/nearest_neighbours.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace permafrost {
namespace {

constexpr double kTemperature = 0.07;
constexpr std::int64_t kChunk = 256;  // queries compared with the bank at once

at::Tensor unit_rows(const at::Tensor& rows) {
  return rows / rows.norm(2, {1}, true).clamp_min(1e-12);
}

}  // namespace

at::Tensor neighbour_votes(const at::Tensor& bank, const at::Tensor& labels,
                           const at::Tensor& queries, const std::vector<int>& neighbours,
                           int classes) {
  const at::NoGradGuard no_grad;
  const auto most =
      std::min<std::int64_t>(bank.size(0), *std::max_element(neighbours.begin(), neighbours.end()));
  const at::Tensor known = unit_rows(bank).t();
  at::Tensor votes = at::zeros(
      {static_cast<std::int64_t>(neighbours.size()), queries.size(0), classes}, queries.options());
  for (std::int64_t begin = 0; begin < queries.size(0); begin += kChunk) {
    const std::int64_t end = std::min(queries.size(0), begin + kChunk);
    const auto [similarity, nearest] =
        at::matmul(unit_rows(queries.slice(0, begin, end)), known).topk(most, 1);
    const at::Tensor weights = at::softmax(similarity / kTemperature, 1);
    // [q,most], or [q,most,C] of sets of classes.
    const at::Tensor voted =
        labels.index_select(0, nearest.flatten()).unflatten(0, nearest.sizes());
    for (std::size_t l = 0; l < neighbours.size(); ++l) {
      const auto k = std::min<std::int64_t>(neighbours[l], most);
      at::Tensor part = votes[static_cast<std::int64_t>(l)].slice(0, begin, end);
      if (labels.dim() == 1)
        part.scatter_add_(1, voted.slice(1, 0, k), weights.slice(1, 0, k));
      else
        part.copy_(at::bmm(weights.slice(1, 0, k).unsqueeze(1), voted.slice(1, 0, k)).squeeze(1));
    }
  }
  return votes;
}

}  // namespace permafrost
