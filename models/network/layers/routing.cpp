// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/routing.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "models/network/layers/cpu_experts.h"

namespace permafrost {
namespace {

// The k largest of every row, of equal ones the lower index first. A stable sort keeps their order;
// topk() promises none. On a CPU a pass over the few values of a row is faster.
at::Tensor largest_logits(const at::Tensor& logits, std::int64_t count) {
  const at::Tensor values = logits.detach();
  if (!values.is_cpu() || values.scalar_type() != at::kFloat)
    return std::get<1>(at::sort(values, /*stable=*/true, -1, /*descending=*/true))
        .narrow(-1, 0, count)
        .contiguous();
  const at::Tensor whole = values.contiguous();
  const std::int64_t experts = whole.size(-1);
  auto sizes = whole.sizes().vec();
  sizes.back() = count;
  at::Tensor found = at::empty(sizes, at::kLong);
  const float* row = whole.const_data_ptr<float>();
  auto* out = found.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < whole.numel() / experts; ++i, row += experts, out += count)
    for (std::int64_t k = 0; k < count; ++k) {
      std::int64_t best = -1;
      for (std::int64_t e = 0; e < experts; ++e)
        if (std::find(out, out + k, e) == out + k && (best < 0 || row[e] > row[best])) best = e;
      out[k] = best;
    }
  return found;
}

}  // namespace

bool stays_float32(const std::string& name) { return name.ends_with("mlp.gate.weight"); }

Routing route(const at::Tensor& gate, const at::Tensor& x, const RoutingSpec& spec) {
  const at::ScalarType type = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  Routing routing;
  routing.logits = router_logits(x.to(type), gate.to(type));
  routing.probabilities = at::softmax(routing.logits, -1);
  routing.chosen = largest_logits(routing.logits, spec.chosen);
  const at::Tensor taken = routing.probabilities.gather(-1, routing.chosen);
  routing.gates =
      spec.renormalised && spec.chosen > 1 ? taken / taken.sum(-1, /*keepdim=*/true) : taken;
  if (spec.capacity <= 0) return routing;
  routing.kept =
      within_capacity(routing.chosen, spec.experts, places_of_an_expert(spec, x.size(1)));
  routing.gates = routing.gates * routing.kept.to(type);
  return routing;
}

std::int64_t places_of_an_expert(const RoutingSpec& spec, std::int64_t tokens) {
  // 1.1 * 6 is a little more than 6.6 in floating point: no place comes of that.
  constexpr double kRounding = 1e-9;
  const double places = spec.capacity * static_cast<double>(spec.chosen) *
                        static_cast<double>(tokens) / static_cast<double>(spec.experts);
  return static_cast<std::int64_t>(std::ceil(places - kRounding));
}

at::Tensor within_capacity(const at::Tensor& chosen, int experts, std::int64_t places) {
  const auto b = chosen.size(0), n = chosen.size(1), k = chosen.size(2);
  const at::Tensor order = chosen.transpose(1, 2).reshape({b, k * n, 1});  // first choices first
  const at::Tensor numbers =
      at::arange(experts, at::TensorOptions(at::kLong).device(chosen.device()));
  const at::Tensor here = order.eq(numbers).to(at::kInt);  // [b,kn,E]
  const at::Tensor place = here.cumsum(1).gather(2, order).view({b, k, n});
  return place.le(places).transpose(1, 2);
}

at::Tensor balance_loss(const Routing& routing) {
  const auto experts = routing.probabilities.size(-1);
  const at::Tensor numbers =
      at::arange(experts, at::TensorOptions(at::kLong).device(routing.chosen.device()));
  const at::Tensor share = routing.chosen.flatten(1, 2)
                               .unsqueeze(-1)
                               .eq(numbers)
                               .to(routing.probabilities.scalar_type())
                               .mean(1);  // [B,E]
  return (share * routing.probabilities.mean(1)).sum(-1).mean() * static_cast<double>(experts);
}

at::Tensor router_z_loss(const Routing& routing) {
  return at::logsumexp(routing.logits, {-1}).square().mean();
}

}  // namespace permafrost
