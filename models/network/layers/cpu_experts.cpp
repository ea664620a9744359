// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/cpu_experts.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "models/kernels/kernels.h"

namespace permafrost {
namespace {

namespace autograd = torch::autograd;

using ExpertRoom = std::vector<float>;

// Rows of a group that go through an expert at once, forward and backward: with its weights they
// stay in the cache.
constexpr std::int64_t kForwardBlock = 64, kExpertBlock = 192;

std::size_t room_of(std::int64_t rows, std::int64_t width) {
  return static_cast<std::size_t>(rows * width);
}

// Calls `work(first, rows)` for blocks of at most so many rows from `begin` to `end`.
template <typename Work>
void blocks_of_rows(std::int64_t begin, std::int64_t end, std::int64_t block, const Work& work) {
  for (std::int64_t first = begin; first < end; first += block)
    work(first, std::min(block, end - first));
}

// weight [O,I] of an expert as [I,O], in which products read it.
const float* turned_expert(const at::Tensor& weight, std::int64_t expert, ExpertRoom& room) {
  const auto outputs = weight.size(1), inputs = weight.size(2);
  room.resize(room_of(inputs, outputs));
  kernels().transpose(weight.const_data_ptr<float>() + expert * outputs * inputs, inputs, outputs,
                      inputs, room.data(), outputs);
  return room.data();
}

// c [rows,columns] = a [rows,depth] times b [depth,columns].
void rows_times(const float* a, const float* b, std::int64_t rows, std::int64_t columns,
                std::int64_t depth, float* c) {
  kernels().product({.rows = rows,
                     .columns = columns,
                     .depth = depth,
                     .a = a,
                     .a_row = depth,
                     .b = b,
                     .b_row = columns,
                     .c = c,
                     .c_row = columns});
}

// c [columns_of_a,columns] += the transpose of a [rows,columns_of_a] times b [rows,columns].
void add_over_rows(const float* a, const float* b, std::int64_t rows, std::int64_t columns_of_a,
                   std::int64_t columns, float* c) {
  kernels().product({.rows = columns_of_a,
                     .columns = columns,
                     .depth = rows,
                     .a = a,
                     .a_row = 1,
                     .a_depth = columns_of_a,
                     .b = b,
                     .b_row = columns,
                     .c = c,
                     .c_row = columns,
                     .add = true});
}

// Sizes, and which row of the tokens stands where among the grouped ones.
struct ExpertRows {
  std::int64_t tokens, width, hidden, experts, chosen;
  GroupedRows groups;

  ExpertRows(const at::Tensor& x, const at::Tensor& choices, const at::Tensor& weight1)
      : tokens(x.size(0)),
        width(x.size(1)),
        hidden(weight1.size(1)),
        experts(weight1.size(0)),
        chosen(choices.size(1)),
        groups(grouped_rows(choices, weight1.size(0))) {}

  // Of the grouped row `place`: the number of its choice, which its gate has too.
  std::int64_t choice(std::int64_t place) const {
    return groups.rows[static_cast<std::size_t>(place)];
  }
  std::int64_t begin(std::int64_t expert) const {
    return groups.begins[static_cast<std::size_t>(expert)];
  }
  // Rows of `from` [T,width], those of the tokens at `rows` places from `first` on.
  void gather(const float* from, std::int64_t first, std::int64_t rows, float* to) const {
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* row = from + choice(first + r) / chosen * width;
      std::copy(row, row + width, to + r * width);
    }
  }
};

// out [T,width] = the sum over a token's choices of rows [T*k,width] in their order among the
// grouped ones, each with its factor: the gate (null: 1), after its expert's bias [E,width] (null:
// none).
at::Tensor summed_choices(const at::Tensor& rows, const ExpertRows& at, const float* gates,
                          const float* biases) {
  at::Tensor out = at::empty({at.tokens, at.width}, rows.options());
  const auto k = static_cast<std::size_t>(at.chosen);
  std::vector<const float*> row(k), bias(k);
  const std::vector<float> ones(k, 1.0F);
  const float* from = rows.const_data_ptr<float>();
  float* to = out.data_ptr<float>();
  std::vector<std::int64_t> place(at.groups.rows.size()), expert(place.size());
  for (std::int64_t e = 0; e < at.experts; ++e)
    for (std::int64_t i = at.begin(e); i < at.begin(e + 1); ++i) {
      place[static_cast<std::size_t>(at.choice(i))] = i;
      expert[static_cast<std::size_t>(at.choice(i))] = e;
    }
  for (std::int64_t t = 0; t < at.tokens; ++t, to += at.width) {
    for (std::size_t j = 0; j < k; ++j) {
      const std::size_t choice = static_cast<std::size_t>(t) * k + j;
      row[j] = from + place[choice] * at.width;
      if (biases != nullptr) bias[j] = biases + expert[choice] * at.width;
    }
    kernels().weighted_sum(row.data(), biases != nullptr ? bias.data() : nullptr,
                           gates != nullptr ? gates + t * at.chosen : ones.data(), at.chosen,
                           at.width, to);
  }
  return out;
}

// What the backward pass wants of the forward one, by grouped rows; undefined: nothing is kept.
struct ExpertStates {
  at::Tensor hidden, derivative;  // [T*k,H], after the GELU, and its derivative
};

at::Tensor experts_forward(const ExpertRows& at, const CpuExpertsInput& in,
                           const ExpertStates& kept) {
  const Kernels& k = kernels();
  const at::Tensor said = at::empty({at.tokens * at.chosen, at.width}, in.x.options());
  ExpertRoom in_rows(room_of(kForwardBlock, at.width)), turned1, turned2;
  ExpertRoom hidden_rows(kept.hidden.defined() ? 0 : room_of(kForwardBlock, at.hidden));
  for (std::int64_t e = 0; e < at.experts; ++e) {
    if (at.begin(e) == at.begin(e + 1)) continue;
    const float* weight1 = turned_expert(in.weight1, e, turned1);
    const float* weight2 = turned_expert(in.weight2, e, turned2);
    const float* bias1 = in.bias1.const_data_ptr<float>() + e * at.hidden;
    blocks_of_rows(
        at.begin(e), at.begin(e + 1), kForwardBlock, [&](std::int64_t first, std::int64_t rows) {
          const bool keep = kept.hidden.defined();
          float* hidden =
              keep ? kept.hidden.data_ptr<float>() + first * at.hidden : hidden_rows.data();
          at.gather(in.x.const_data_ptr<float>(), first, rows, in_rows.data());
          rows_times(in_rows.data(), weight1, rows, at.hidden, at.width, hidden);
          k.gelu(hidden, bias1, rows, at.hidden,
                 keep ? kept.derivative.data_ptr<float>() + first * at.hidden : nullptr);
          rows_times(hidden, weight2, rows, at.width, at.hidden,
                     said.data_ptr<float>() + first * at.width);
        });
  }
  return summed_choices(said, at, in.gates.const_data_ptr<float>(),
                        in.bias2.const_data_ptr<float>());
}

struct ExpertGradients {
  at::Tensor x, gates, weight1, bias1, weight2, bias2;
};

// One block of an expert's rows in the backward pass.
struct ExpertBlockGradient {
  const ExpertRows& at;
  const CpuExpertsInput& in;
  const ExpertStates& kept;
  const float* gradient;       // of the output, [T,D]
  const ExpertGradients& out;  // `x` by grouped rows [T*k,D]
  ExpertRoom x_rows, gradient_rows, hidden_rows;

  ExpertBlockGradient(const ExpertRows& layout, const CpuExpertsInput& input,
                      const ExpertStates& states, const at::Tensor& of_output,
                      const ExpertGradients& to)
      : at(layout),
        in(input),
        kept(states),
        gradient(of_output.const_data_ptr<float>()),
        out(to),
        x_rows(room_of(kExpertBlock, at.width)),
        gradient_rows(x_rows),
        hidden_rows(room_of(kExpertBlock, at.hidden)) {}

  void operator()(std::int64_t e, std::int64_t first, std::int64_t rows) {
    const Kernels& k = kernels();
    const std::int64_t weights = e * at.width * at.hidden;
    const float* states = kept.hidden.const_data_ptr<float>() + first * at.hidden;
    at.gather(gradient, first, rows, gradient_rows.data());
    rows_times(gradient_rows.data(), in.weight2.const_data_ptr<float>() + weights, rows, at.hidden,
               at.width, hidden_rows.data());
    through_gates(e, first, rows);
    add_over_rows(gradient_rows.data(), states, rows, at.width, at.hidden,
                  out.weight2.data_ptr<float>() + weights);
    k.add_rows(gradient_rows.data(), rows, at.width, out.bias2.data_ptr<float>() + e * at.width);
    at.gather(in.x.const_data_ptr<float>(), first, rows, x_rows.data());
    add_over_rows(hidden_rows.data(), x_rows.data(), rows, at.hidden, at.width,
                  out.weight1.data_ptr<float>() + weights);
    k.add_rows(hidden_rows.data(), rows, at.hidden, out.bias1.data_ptr<float>() + e * at.hidden);
    rows_times(hidden_rows.data(), in.weight1.const_data_ptr<float>() + weights, rows, at.width,
               at.hidden, out.x.data_ptr<float>() + first * at.width);
  }

 private:
  // The gates' own gradients; then what is behind them is multiplied by them, and what is behind
  // the GELU by its derivative.
  void through_gates(std::int64_t e, std::int64_t first, std::int64_t rows) {
    const Kernels& k = kernels();
    const float* gates = in.gates.const_data_ptr<float>();
    const float* states = kept.hidden.const_data_ptr<float>() + first * at.hidden;
    const float* derivative = kept.derivative.const_data_ptr<float>() + first * at.hidden;
    const float* bias2 = in.bias2.const_data_ptr<float>() + e * at.width;
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t choice = at.choice(first + r), row = r * at.hidden;
      float* to_output = gradient_rows.data() + r * at.width;
      out.gates.data_ptr<float>()[choice] =
          k.gated_gradient(gates[choice], states + row, derivative + row, at.hidden,
                           hidden_rows.data() + row) +
          k.dot(to_output, bias2, at.width);
      k.scale(gates[choice], at.width, to_output);
    }
  }
};

struct CpuExperts : autograd::Function<CpuExperts> {
  static at::Tensor forward(autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& chosen, const at::Tensor& gates,
                            const at::Tensor& weight1, const at::Tensor& bias1,
                            const at::Tensor& weight2, const at::Tensor& bias2) {
    const CpuExpertsInput input{x, chosen, gates, weight1, bias1, weight2, bias2};
    const ExpertRows at(x, chosen, weight1);
    const ExpertStates kept{at::empty({at.tokens * at.chosen, at.hidden}, x.options()),
                            at::empty({at.tokens * at.chosen, at.hidden}, x.options())};
    const at::Tensor out = experts_forward(at, input, kept);
    context->save_for_backward(
        {x, chosen, gates, weight1, bias1, weight2, bias2, kept.hidden, kept.derivative});
    return out;
  }

  static autograd::variable_list backward(autograd::AutogradContext* context,
                                          const autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const CpuExpertsInput input{saved[0], saved[1], saved[2], saved[3],
                                saved[4], saved[5], saved[6]};
    const ExpertStates kept{saved[7], saved[8]};
    const ExpertRows at(input.x, input.chosen, input.weight1);
    const ExpertGradients out{.x = at::empty({at.tokens * at.chosen, at.width}, input.x.options()),
                              .gates = at::empty_like(input.gates),
                              .weight1 = at::zeros_like(input.weight1),
                              .bias1 = at::zeros_like(input.bias1),
                              .weight2 = at::zeros_like(input.weight2),
                              .bias2 = at::zeros_like(input.bias2)};
    const at::Tensor gradient = gradients[0].contiguous();
    ExpertBlockGradient block(at, input, kept, gradient, out);
    for (std::int64_t e = 0; e < at.experts; ++e)
      blocks_of_rows(at.begin(e), at.begin(e + 1), kExpertBlock,
                     [&](std::int64_t first, std::int64_t rows) { block(e, first, rows); });
    return {summed_choices(out.x, at, nullptr, nullptr),
            {},
            out.gates,
            out.weight1,
            out.bias1,
            out.weight2,
            out.bias2};
  }
};

// --- one product an expert -----------------------------------------------------------------------

at::Tensor product_of_groups(const at::Tensor& x, const std::vector<std::int64_t>& begins,
                             const at::Tensor& weight, const at::Tensor& bias) {
  const auto outputs = weight.size(1), inputs = weight.size(2);
  at::Tensor out = at::empty({x.size(0), outputs}, x.options());
  ExpertRoom room;
  for (std::size_t e = 0; e + 1 < begins.size(); ++e) {
    const std::int64_t first = begins[e], rows = begins[e + 1] - first;
    if (rows == 0) continue;
    const auto expert = static_cast<std::int64_t>(e);
    float* to = out.data_ptr<float>() + first * outputs;
    rows_times(x.const_data_ptr<float>() + first * inputs, turned_expert(weight, expert, room),
               rows, outputs, inputs, to);
    for (std::int64_t r = 0; r < rows; ++r)
      kernels().add_scaled(1, bias.const_data_ptr<float>() + expert * outputs, outputs,
                           to + r * outputs);
  }
  return out;
}

struct GroupedProduct : autograd::Function<GroupedProduct> {
  static at::Tensor forward(autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias,
                            const std::vector<std::int64_t>& begins) {
    context->save_for_backward({x, weight});
    context->saved_data["begins"] = begins;
    return product_of_groups(x, begins, weight, bias);
  }

  static autograd::variable_list backward(autograd::AutogradContext* context,
                                          const autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const std::vector<std::int64_t> begins = context->saved_data["begins"].toIntVector();
    const auto outputs = weight.size(1), inputs = weight.size(2);
    const at::Tensor gradient = gradients[0].contiguous();
    const at::Tensor to_x = at::empty_like(x), to_weight = at::zeros_like(weight);
    const at::Tensor to_bias = at::zeros({weight.size(0), outputs}, weight.options());
    for (std::size_t e = 0; e + 1 < begins.size(); ++e) {
      const auto expert = static_cast<std::int64_t>(e), at = expert * outputs * inputs;
      blocks_of_rows(
          begins[e], begins[e + 1], kExpertBlock, [&](std::int64_t first, std::int64_t rows) {
            const float* from = gradient.const_data_ptr<float>() + first * outputs;
            rows_times(from, weight.const_data_ptr<float>() + at, rows, inputs, outputs,
                       to_x.data_ptr<float>() + first * inputs);
            add_over_rows(from, x.const_data_ptr<float>() + first * inputs, rows, outputs, inputs,
                          to_weight.data_ptr<float>() + at);
            if (to_bias.defined())
              kernels().add_rows(from, rows, outputs, to_bias.data_ptr<float>() + expert * outputs);
          });
    }
    return {to_x, to_weight, to_bias, {}};
  }
};

bool any_trained(std::initializer_list<at::Tensor> tensors) {
  return at::GradMode::is_enabled() &&
         std::any_of(tensors.begin(), tensors.end(),
                     [](const at::Tensor& t) { return t.requires_grad(); });
}

}  // namespace

GroupedRows grouped_rows(const at::Tensor& chosen, std::int64_t experts) {
  const at::Tensor flat = chosen.contiguous();
  const auto* expert = flat.const_data_ptr<std::int64_t>();
  GroupedRows groups;
  groups.begins.assign(static_cast<std::size_t>(experts) + 1, 0);
  groups.rows.resize(static_cast<std::size_t>(flat.numel()));
  for (std::int64_t i = 0; i < flat.numel(); ++i)
    ++groups.begins[static_cast<std::size_t>(expert[i]) + 1];
  for (std::size_t e = 1; e < groups.begins.size(); ++e) groups.begins[e] += groups.begins[e - 1];
  std::vector<std::int64_t> next = groups.begins;
  for (std::int64_t i = 0; i < flat.numel(); ++i)
    groups.rows[static_cast<std::size_t>(next[static_cast<std::size_t>(expert[i])]++)] = i;
  return groups;
}

bool has_cpu_experts(const at::Tensor& x, const at::Tensor& weight) {
  return x.is_cpu() && weight.is_cpu() && x.scalar_type() == at::kFloat &&
         weight.scalar_type() == at::kFloat;
}

at::Tensor grouped_product(const at::Tensor& x, const std::vector<std::int64_t>& begins,
                           const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor whole = x.contiguous(), by = weight.contiguous(), added = bias.contiguous();
  return any_trained({whole, by, added}) ? GroupedProduct::apply(whole, by, added, begins)
                                         : product_of_groups(whole, begins, by, added);
}

at::Tensor cpu_experts(const CpuExpertsInput& input) {
  const CpuExpertsInput whole{input.x.contiguous(),     input.chosen.contiguous(),
                              input.gates.contiguous(), input.weight1.contiguous(),
                              input.bias1.contiguous(), input.weight2.contiguous(),
                              input.bias2.contiguous()};
  if (any_trained({whole.x, whole.gates, whole.weight1, whole.bias1, whole.weight2, whole.bias2}))
    return CpuExperts::apply(whole.x, whole.chosen, whole.gates, whole.weight1, whole.bias1,
                             whole.weight2, whole.bias2);
  return experts_forward(ExpertRows(whole.x, whole.chosen, whole.weight1), whole, {});
}

}  // namespace permafrost
