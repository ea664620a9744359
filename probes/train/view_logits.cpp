// SPDX-License-Identifier: Apache-2.0
#include "probes/train/view_logits.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "probes/heads/fused_head.h"

namespace permafrost {
std::vector<at::Tensor> logits_of_views(const HeadWeights& head, const HeadSpec& spec,
                                        const ViewsOf& tokens, const Samples& samples) {
  const at::NoGradGuard no_grad;
  constexpr std::int64_t kMostValues = std::int64_t{1} << 28;
  FusedHead fused(spec, head.linear_weight.size(0));
  std::vector<std::vector<at::Tensor>> parts;  // [views][chunks]
  std::size_t chunk = 1, begin = 0;
  while (begin < samples.size()) {
    const std::size_t end = std::min(samples.size(), begin + chunk);
    const Samples part(samples.begin() + static_cast<std::ptrdiff_t>(begin),
                       samples.begin() + static_cast<std::ptrdiff_t>(end));
    const std::vector<at::Tensor> views = tokens(part);
    parts.resize(views.size());
    std::int64_t values = 0;
    for (std::size_t v = 0; v < views.size(); ++v) {
      parts[v].push_back(FusedHead::handles(spec, views[v]) ? fused.logits(head, views[v], false)
                                                            : head_logits(head, spec, views[v]));
      values += views[v].numel() / views[v].size(0);
    }
    // The first sample tells how large the others are.
    chunk = static_cast<std::size_t>(
        std::clamp<std::int64_t>(kMostValues / std::max<std::int64_t>(1, values), 1, 128));
    begin = end;
  }
  if (parts.empty()) return {at::zeros({head.linear_weight.size(0), 0, spec.classes})};
  std::vector<at::Tensor> logits;
  for (const auto& of_view : parts) logits.push_back(at::cat(of_view, 1).to(at::kCPU));
  return logits;
}

at::Tensor logits_of(const HeadWeights& head, const HeadSpec& spec, const TokensOf& tokens,
                     const Samples& samples) {
  const auto only = [&](const Samples& part) { return std::vector<at::Tensor>{tokens(part)}; };
  return logits_of_views(head, spec, only, samples)[0];
}

std::vector<at::Tensor> means_of_views(const ViewsOf& tokens, const Samples& samples) {
  constexpr std::size_t kChunk = 128;
  std::vector<std::vector<at::Tensor>> parts;  // [views][chunks]
  for (std::size_t begin = 0; begin < samples.size(); begin += kChunk) {
    const std::size_t end = std::min(samples.size(), begin + kChunk);
    const auto views = tokens(Samples(samples.begin() + static_cast<std::ptrdiff_t>(begin),
                                      samples.begin() + static_cast<std::ptrdiff_t>(end)));
    parts.resize(views.size());
    for (std::size_t v = 0; v < views.size(); ++v) parts[v].push_back(views[v].squeeze(1));
  }
  std::vector<at::Tensor> means;
  for (const auto& of_view : parts) means.push_back(at::cat(of_view, 0));
  return means;
}

at::Tensor means_of(const TokensOf& tokens, const Samples& samples) {
  const auto only = [&](const Samples& part) { return std::vector<at::Tensor>{tokens(part)}; };
  return means_of_views(only, samples).at(0);
}

at::Tensor averaged(const std::vector<at::Tensor>& views,
                    const std::function<at::Tensor(const at::Tensor&)>& scores) {
  at::Tensor sum = scores(views.at(0));
  for (std::size_t v = 1; v < views.size(); ++v) sum = sum + scores(views[v]);
  return sum / static_cast<double>(views.size());
}

std::vector<float> values_of(const at::Tensor& row) {
  const at::Tensor values = row.to(at::kCPU, at::kFloat).contiguous();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

}  // namespace permafrost
