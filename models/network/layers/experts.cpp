// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/experts.h"

#include <ATen/ATen.h>

#include <cmath>

#include "models/network/layers/cpu_experts.h"
#include "models/network/tensor_float.h"

namespace permafrost {
namespace {

// Values of the first layer for one of the hidden one: swiglu has a gate too.
std::int64_t first_layers(const FeedForwardSpec& spec) { return spec.kind == kSwiglu ? 2 : 1; }

LinearWeights make_expert_layers(std::int64_t in, std::int64_t out, std::int64_t experts, Init init,
                                 RandomStream& stream) {
  std::vector<at::Tensor> weights, biases;
  for (std::int64_t e = 0; e < experts; ++e) {
    LinearWeights one = make_linear(in, out, init, stream);
    weights.push_back(one.weight);
    biases.push_back(one.bias);
  }
  if (init != Init::none) return {at::stack(weights), at::stack(biases)};
  const auto shapes_only = weights[0].options();
  return {at::empty({experts, out, in}, shapes_only), at::empty({experts, out}, shapes_only)};
}

FeedForwardWeights make_mixture(const FeedForwardSpec& spec, std::int64_t width, Init init,
                                RandomStream& stream) {
  const std::int64_t experts = spec.routing.experts, hidden = spec.hidden(width);
  constexpr double kDeviation = 0.02, kReference = 1024;
  FeedForwardWeights weights;
  weights.gate =
      init == Init::none
          ? at::empty({experts, width}, at::TensorOptions(at::kFloat).device(at::kMeta))
          : normal_tensor({experts, width},
                          kDeviation * std::sqrt(kReference / static_cast<double>(width)), stream);
  weights.fc1 = make_expert_layers(width, first_layers(spec) * hidden, experts, init, stream);
  weights.fc2 = make_expert_layers(hidden, width, experts, init, stream);
  return weights;
}

// The last values of a tensor, which fill no vector, LibTorch computes one by one, with other last
// bits. So that no value's bits depend on how many rows there are, rows fill whole vectors.
at::Tensor gelu_tanh_of_rows(const at::Tensor& x) {
  constexpr std::int64_t kWhole = 64;
  const std::int64_t width = x.size(-1), missing = (kWhole - width % kWhole) % kWhole;
  if (missing == 0) return at::gelu(x, "tanh");
  return at::gelu(at::constant_pad_nd(x, {0, missing}), "tanh").narrow(-1, 0, width);
}

at::Tensor activated_experts(const FeedForwardSpec& spec, const at::Tensor& x) {
  if (spec.kind == kGeluTanh) return gelu_tanh_of_rows(x);
  if (spec.kind == kGelu) return at::gelu(x);
  const auto halves = x.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

// Every expert sees every token, and the gates of those that were not chosen are 0: for a device,
// which is not asked how many tokens an expert has.
at::Tensor apply_all_experts(const FeedForwardWeights& weights, const FeedForwardSpec& spec,
                             const at::Tensor& x, const Routing& routing) {
  const auto experts = weights.gate.size(0), width = x.size(-1);
  const at::Tensor rows = x.reshape({1, -1, width}).expand({experts, -1, -1});
  const at::Tensor gates =
      at::zeros({rows.size(1), experts}, routing.gates.options())
          .scatter(1, routing.chosen.flatten(0, 1), routing.gates.flatten(0, 1))
          .to(x.scalar_type());
  const at::Tensor hidden = activated_experts(
      spec, at::baddbmm(weights.fc1.bias.unsqueeze(1), rows, weights.fc1.weight.transpose(1, 2)));
  const at::Tensor said = at::baddbmm(weights.fc2.bias.unsqueeze(1), hidden,
                                      weights.fc2.weight.transpose(1, 2));  // [E,T,D]
  return (said * gates.t().unsqueeze(-1)).sum(0).view(x.sizes());
}

// Of other kinds than the exact GELU, which has loops of its own, where nothing is rounded between
// its two products.
at::Tensor apply_grouped_experts(const FeedForwardWeights& weights, const FeedForwardSpec& spec,
                                 const at::Tensor& x, const at::Tensor& chosen,
                                 const at::Tensor& gates) {
  const auto k = chosen.size(1);
  const GroupedRows groups = grouped_rows(chosen, weights.gate.size(0));
  const auto count = static_cast<std::int64_t>(groups.rows.size());
  const at::Tensor order = at::tensor(at::ArrayRef<std::int64_t>(groups.rows), at::kLong);
  const at::Tensor back = at::empty({count}, at::kLong).scatter_(0, order, at::arange(count));
  // Copies of a token stand side by side before they are sorted.
  const at::Tensor rows =
      x.unsqueeze(1).expand({-1, k, -1}).reshape({count, -1}).index_select(0, order);
  const at::Tensor hidden =
      activated_experts(spec, grouped_product(as_factor(rows), groups.begins,
                                              as_factor(weights.fc1.weight), weights.fc1.bias));
  const at::Tensor said = grouped_product(as_factor(hidden), groups.begins,
                                          as_factor(weights.fc2.weight), weights.fc2.bias)
                              .index_select(0, back)
                              .view({-1, k, x.size(1)});
  at::Tensor sum = said.select(1, 0) * gates.slice(1, 0, 1);
  for (std::int64_t j = 1; j < k; ++j) sum = sum + said.select(1, j) * gates.slice(1, j, j + 1);
  return sum;
}

void tell_routes(const Routing& routing, BlockTrace& trace) {
  if (trace.routes != nullptr)
    trace.routes->push_back({routing.probabilities.detach(), routing.chosen});
  if (!trace.router.any()) return;
  const at::Tensor balance = balance_loss(routing), z = router_z_loss(routing);
  trace.losses.emplace_back("loss_router", trace.router.balance * balance + trace.router.z * z);
  trace.statistics.emplace_back("router_balance", balance.detach());
  trace.statistics.emplace_back("router_z", z.detach());
}

at::Tensor apply_mixture(const FeedForwardWeights& weights, const FeedForwardSpec& spec,
                         const at::Tensor& x, BlockTrace* trace) {
  const Routing routing = route(weights.gate, x, spec.routing);
  if (trace != nullptr) tell_routes(routing, *trace);
  if (!has_cpu_experts(x, weights.fc1.weight)) return apply_all_experts(weights, spec, x, routing);
  const at::Tensor rows = x.reshape({-1, x.size(-1)});
  const at::Tensor chosen = routing.chosen.flatten(0, 1), gates = routing.gates.flatten(0, 1);
  if (spec.kind != kGelu || rounds_factors())
    return apply_grouped_experts(weights, spec, rows, chosen, gates).view(x.sizes());
  return cpu_experts({.x = rows,
                      .chosen = chosen,
                      .gates = gates,
                      .weight1 = weights.fc1.weight,
                      .bias1 = weights.fc1.bias,
                      .weight2 = weights.fc2.weight,
                      .bias2 = weights.fc2.bias})
      .view(x.sizes());
}

double mixture_flops(const FeedForwardSpec& spec, double tokens, double width) {
  const auto hidden = static_cast<double>(spec.hidden(static_cast<std::int64_t>(width)));
  const double layers = spec.kind == kSwiglu ? 3 : 2;
  return linear_flops(tokens, width, spec.routing.experts) +
         spec.routing.chosen * layers * linear_flops(tokens, width, hidden);
}

}  // namespace

FeedForwardKind mixture_of_experts() {
  return {.name = "moe", .make = make_mixture, .apply = apply_mixture, .flops = mixture_flops};
}

}  // namespace permafrost
