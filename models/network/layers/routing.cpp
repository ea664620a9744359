// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/routing.h"

#include <ATen/ATen.h>

#include <cmath>

#include "models/network/layers/cpu_experts.h"
#include "models/network/layers/cpu_router.h"

namespace permafrost {
namespace {

// As it is written. A stable sort keeps the order of equal logits; topk() promises none.
Routing plain_routing(const at::Tensor& gate, const at::Tensor& x, const RoutingSpec& spec) {
  Routing routing;
  routing.logits = at::linear(x, gate);
  routing.probabilities = at::softmax(routing.logits, -1);
  routing.chosen =
      std::get<1>(at::sort(routing.logits.detach(), /*stable=*/true, -1, /*descending=*/true))
          .narrow(-1, 0, spec.chosen)
          .contiguous();
  const at::Tensor taken = routing.probabilities.gather(-1, routing.chosen);
  routing.gates = is_renormalised(spec) ? taken / taken.sum(-1, /*keepdim=*/true) : taken;
  return routing;
}

}  // namespace

bool is_renormalised(const RoutingSpec& spec) { return spec.renormalised && spec.chosen > 1; }

bool stays_float32(const std::string& name) { return name.ends_with("mlp.gate.weight"); }

Routing route(const at::Tensor& gate, const at::Tensor& x, const RoutingSpec& spec) {
  const at::ScalarType type = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  Routing routing = has_cpu_experts(x, gate) ? cpu_routing(gate, x, spec)
                                             : plain_routing(gate.to(type), x.to(type), spec);
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

namespace {

// Share [B,E] of the choices [B,N,k] of a clip that fell on every expert.
at::Tensor shares_of_choices(const at::Tensor& chosen, std::int64_t experts) {
  const auto clips = chosen.size(0), choices = chosen.size(1) * chosen.size(2);
  if (!chosen.is_cpu()) {
    const at::Tensor numbers =
        at::arange(experts, at::TensorOptions(at::kLong).device(chosen.device()));
    return chosen.flatten(1, 2).unsqueeze(-1).eq(numbers).to(at::kFloat).mean(1);
  }
  at::Tensor shares = at::zeros({clips, experts}, at::kFloat);
  const at::Tensor whole = chosen.contiguous();
  const auto* expert = whole.const_data_ptr<std::int64_t>();
  float* share = shares.data_ptr<float>();
  for (std::int64_t b = 0; b < clips; ++b, share += experts)
    for (std::int64_t i = 0; i < choices; ++i) ++share[*expert++];
  return shares.div_(static_cast<double>(choices));
}

}  // namespace

at::Tensor balance_loss(const Routing& routing) {
  const auto experts = routing.probabilities.size(-1);
  const at::Tensor share =
      shares_of_choices(routing.chosen, experts).to(routing.probabilities.scalar_type());
  return (share * routing.probabilities.mean(1)).sum(-1).mean() * static_cast<double>(experts);
}

at::Tensor router_z_loss(const Routing& routing) {
  return at::logsumexp(routing.logits, {-1}).square().mean();
}

}  // namespace permafrost
