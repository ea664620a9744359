// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/cpu_router.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "models/kernels/kernels.h"

namespace permafrost {
namespace {

namespace autograd = torch::autograd;

constexpr std::int64_t kRouterBlock = 256;  // rows at a time

struct RouterSizes {
  std::int64_t tokens, width, experts, padded;  // padded: experts as whole vectors

  RouterSizes(const at::Tensor& gate, const at::Tensor& rows)
      : tokens(rows.size(0)),
        width(gate.size(1)),
        experts(gate.size(0)),
        padded((gate.size(0) + kMostLanes - 1) / kMostLanes * kMostLanes) {}
};

// The `count` largest of logits [E], best first, of equal ones the lower first. What is no number
// is larger than nothing.
void choose_largest(const float* logits, std::int64_t experts, std::int64_t count,
                    std::int64_t* chosen) {
  std::int64_t known = 0;
  for (std::int64_t e = 0; e < experts; ++e) {
    std::int64_t place = known;
    while (place > 0 && logits[e] > logits[chosen[place - 1]]) --place;
    if (place >= count) continue;
    known = std::min(known + 1, count);
    for (std::int64_t i = known - 1; i > place; --i) chosen[i] = chosen[i - 1];
    chosen[place] = e;
  }
}

// The same for two of at least two, without branches that a processor would have to guess.
void choose_two(const float* logits, std::int64_t experts, std::int64_t* chosen) {
  const bool turned = logits[1] > logits[0];
  std::int64_t first = turned ? 1 : 0, second = turned ? 0 : 1;
  float best = logits[first], next = logits[second];
  for (std::int64_t e = 2; e < experts; ++e) {
    const float logit = logits[e];
    const bool leads = logit > best, follows = logit > next;
    second = leads ? first : (follows ? e : second);
    next = leads ? best : (follows ? logit : next);
    first = leads ? e : first;
    best = leads ? logit : best;
  }
  chosen[0] = first;
  chosen[1] = second;
}

void gates_of_row(const float* probabilities, const std::int64_t* chosen, std::int64_t count,
                  bool renormalised, float* gates) {
  float sum = 0;
  for (std::int64_t j = 0; j < count; ++j) sum += probabilities[chosen[j]];
  for (std::int64_t j = 0; j < count; ++j)
    gates[j] = renormalised ? probabilities[chosen[j]] / sum : probabilities[chosen[j]];
}

// Of rows [T,D]: all [T,...].
Routing routed_rows(const at::Tensor& gate, const at::Tensor& rows, const RoutingSpec& spec) {
  const Kernels& k = kernels();
  const RouterSizes at(gate, rows);
  const std::int64_t count = spec.chosen;
  Routing out{.logits = at::empty({at.tokens, at.experts}, rows.options()),
              .probabilities = at::empty({at.tokens, at.experts}, rows.options()),
              .chosen = at::empty({at.tokens, count}, at::kLong),
              .gates = at::empty({at.tokens, count}, rows.options())};
  std::vector<float> turned(static_cast<std::size_t>(at.width * at.padded)),
      scores(static_cast<std::size_t>(kRouterBlock * at.padded)), largest(kRouterBlock),
      sums(kRouterBlock);
  k.transpose(gate.const_data_ptr<float>(), at.width, at.experts, at.width, turned.data(),
              at.padded);
  float *logits = out.logits.data_ptr<float>(), *p = out.probabilities.data_ptr<float>(),
        *gates = out.gates.data_ptr<float>();
  auto* chosen = out.chosen.data_ptr<std::int64_t>();
  for (std::int64_t first = 0; first < at.tokens; first += kRouterBlock) {
    const std::int64_t block = std::min(kRouterBlock, at.tokens - first);
    k.product({.rows = block,
               .columns = at.padded,
               .depth = at.width,
               .a = rows.const_data_ptr<float>() + first * at.width,
               .a_row = at.width,
               .b = turned.data(),
               .b_row = at.padded,
               .c = scores.data(),
               .c_row = at.padded});
    for (std::int64_t r = 0; r < block; ++r)
      std::copy_n(scores.data() + r * at.padded, at.experts, logits + (first + r) * at.experts);
    std::fill(largest.begin(), largest.end(), -std::numeric_limits<float>::infinity());
    std::fill(sums.begin(), sums.end(), 0.0F);
    k.softmax_block({.rows = block,
                     .count = at.experts,
                     .scores = scores.data(),
                     .scores_row = at.padded,
                     .largest = largest.data(),
                     .sum = sums.data()});
    for (std::int64_t r = 0; r < block; ++r) {
      const std::int64_t row = first + r;
      const float share = 1 / sums[static_cast<std::size_t>(r)];
      float* of_row = p + row * at.experts;
      for (std::int64_t e = 0; e < at.experts; ++e)
        of_row[e] = scores[static_cast<std::size_t>(r * at.padded + e)] * share;
      if (count == 2)
        choose_two(logits + row * at.experts, at.experts, chosen + row * count);
      else
        choose_largest(logits + row * at.experts, at.experts, count, chosen + row * count);
      gates_of_row(of_row, chosen + row * count, count, is_renormalised(spec), gates + row * count);
    }
  }
  return out;
}

// From gradients of a row's logits, probabilities and gates that of its logits, into the first.
struct RouterRowGradient {
  std::int64_t experts, count;
  bool renormalised;
  std::vector<float> to_p;

  void operator()(const float* p, const std::int64_t* chosen, const float* of_p,
                  const float* of_gates, float* of_logits) {
    std::copy_n(of_p, experts, to_p.begin());
    float sum = 1, mean = 0;
    if (renormalised) {
      sum = 0;
      for (std::int64_t j = 0; j < count; ++j) sum += p[chosen[j]];
      for (std::int64_t j = 0; j < count; ++j) mean += of_gates[j] * p[chosen[j]] / sum;
    }
    for (std::int64_t j = 0; j < count; ++j)
      to_p[static_cast<std::size_t>(chosen[j])] += (of_gates[j] - mean) / sum;
    float along = 0;
    for (std::int64_t e = 0; e < experts; ++e) along += p[e] * to_p[static_cast<std::size_t>(e)];
    for (std::int64_t e = 0; e < experts; ++e)
      of_logits[e] += p[e] * (to_p[static_cast<std::size_t>(e)] - along);
  }
};

// Gradients of logits [T,E] as those of rows and gate.
std::pair<at::Tensor, at::Tensor> through_router(const at::Tensor& of_logits,
                                                 const at::Tensor& rows, const at::Tensor& gate) {
  const RouterSizes at(gate, rows);
  const at::Tensor to_rows = at::empty_like(rows), to_gate = at::zeros_like(gate);
  kernels().product({.rows = at.tokens,
                     .columns = at.width,
                     .depth = at.experts,
                     .a = of_logits.const_data_ptr<float>(),
                     .a_row = at.experts,
                     .b = gate.const_data_ptr<float>(),
                     .b_row = at.width,
                     .c = to_rows.data_ptr<float>(),
                     .c_row = at.width});
  for (std::int64_t first = 0; first < at.tokens; first += kRouterBlock)
    kernels().product({.rows = at.experts,
                       .columns = at.width,
                       .depth = std::min(kRouterBlock, at.tokens - first),
                       .a = of_logits.const_data_ptr<float>() + first * at.experts,
                       .a_row = 1,
                       .a_depth = at.experts,
                       .b = rows.const_data_ptr<float>() + first * at.width,
                       .b_row = at.width,
                       .c = to_gate.data_ptr<float>(),
                       .c_row = at.width,
                       .add = true});
  return {to_rows, to_gate};
}

struct CpuRouter : autograd::Function<CpuRouter> {
  static autograd::variable_list forward(autograd::AutogradContext* context, const at::Tensor& gate,
                                         const at::Tensor& rows, std::int64_t chosen,
                                         bool renormalised) {
    const RoutingSpec spec{.experts = static_cast<int>(gate.size(0)),
                           .chosen = static_cast<int>(chosen),
                           .renormalised = renormalised};
    Routing out = routed_rows(gate, rows, spec);
    context->save_for_backward({gate, rows, out.probabilities, out.chosen});
    context->saved_data["renormalised"] = is_renormalised(spec);
    context->mark_non_differentiable({out.chosen});
    return {out.logits, out.probabilities, out.chosen, out.gates};
  }

  static autograd::variable_list backward(autograd::AutogradContext* context,
                                          const autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &gate = saved[0], &rows = saved[1], &p = saved[2], &chosen = saved[3];
    const at::Tensor of_logits = gradients[0].clone(at::MemoryFormat::Contiguous);
    const at::Tensor of_p = gradients[1].contiguous(), of_gates = gradients[3].contiguous();
    const std::int64_t experts = p.size(1), count = chosen.size(1);
    RouterRowGradient row{.experts = experts,
                          .count = count,
                          .renormalised = context->saved_data["renormalised"].toBool(),
                          .to_p = std::vector<float>(static_cast<std::size_t>(experts))};
    for (std::int64_t t = 0; t < rows.size(0); ++t)
      row(p.const_data_ptr<float>() + t * experts,
          chosen.const_data_ptr<std::int64_t>() + t * count,
          of_p.const_data_ptr<float>() + t * experts, of_gates.const_data_ptr<float>() + t * count,
          of_logits.data_ptr<float>() + t * experts);
    const auto [to_rows, to_gate] = through_router(of_logits, rows, gate);
    return {to_gate, to_rows, {}, {}};
  }
};

}  // namespace

Routing cpu_routing(const at::Tensor& gate, const at::Tensor& x, const RoutingSpec& spec) {
  const at::Tensor rows = x.reshape({-1, x.size(-1)}).contiguous(), weight = gate.contiguous();
  Routing out;
  if (at::GradMode::is_enabled() && (rows.requires_grad() || weight.requires_grad())) {
    const auto found = CpuRouter::apply(weight, rows, spec.chosen, spec.renormalised);
    out = {.logits = found[0], .probabilities = found[1], .chosen = found[2], .gates = found[3]};
  } else {
    out = routed_rows(weight, rows, spec);
  }
  for (at::Tensor* t : {&out.logits, &out.probabilities, &out.chosen, &out.gates})
    *t = t->view({x.size(0), x.size(1), -1});
  return out;
}

}  // namespace permafrost
