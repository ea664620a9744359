// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/cpu_product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/stack.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "models/kernels/kernels.h"

namespace permafrost {
namespace {

namespace autograd = torch::autograd;

// LibTorch offers oneDNN's product to its compilers as an operator, by name.
const std::optional<c10::OperatorHandle>& operation() {
  static const auto found =
      c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  return found;
}

// oneDNN asks OpenMP for threads, which counts them for each of ours. What LibTorch was told once
// is repeated to every thread.
void tell_this_thread() {
  thread_local const bool told = (at::init_num_threads(), true);
  (void)told;
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                   AfterProduct after) {
  tell_this_thread();
  const std::optional<at::Tensor> added = bias.defined() ? std::optional(bias) : std::nullopt;
  const bool gelu = after == AfterProduct::gelu;
  torch::jit::Stack stack{x,
                          weight,
                          added,
                          std::string(gelu ? "gelu" : "none"),
                          c10::List<std::optional<at::Scalar>>(),
                          std::optional<std::string>(gelu ? "none" : "")};  // "none": exact GELU
  operation()->callBoxed(&stack);
  return stack[0].toTensor();
}

// Gradients by loops of our own, since oneDNN would be given copies of what is turned over here.
// gradient [T,O] times weight [O,I].
at::Tensor gradient_of_input(const at::Tensor& gradient, const at::Tensor& weight) {
  const at::Tensor whole = weight.contiguous();
  at::Tensor out = at::empty({gradient.size(0), whole.size(1)}, gradient.options());
  kernels().product({.rows = gradient.size(0),
                     .columns = whole.size(1),
                     .depth = whole.size(0),
                     .a = gradient.data_ptr<float>(),
                     .a_row = gradient.size(1),
                     .b = whole.data_ptr<float>(),
                     .b_row = whole.size(1),
                     .c = out.data_ptr<float>(),
                     .c_row = whole.size(1)});
  return out;
}

// The transpose of gradient [T,O] times x [T,I]. So many rows at a time as stay in the cache; their
// sums are added in order, so that nothing depends on the number of threads.
at::Tensor gradient_of_weight(const at::Tensor& gradient, const at::Tensor& x) {
  constexpr std::int64_t kRows = 256;
  const at::Tensor whole = x.contiguous();
  const std::int64_t outputs = gradient.size(1), inputs = whole.size(1);
  at::Tensor sums = at::zeros({outputs, inputs}, gradient.options());
  for (std::int64_t row = 0; row < gradient.size(0); row += kRows)
    kernels().product({.rows = outputs,
                       .columns = inputs,
                       .depth = std::min(kRows, gradient.size(0) - row),
                       .a = gradient.data_ptr<float>() + row * outputs,
                       .a_row = 1,
                       .a_depth = outputs,
                       .b = whole.data_ptr<float>() + row * inputs,
                       .b_row = inputs,
                       .c = sums.data_ptr<float>(),
                       .c_row = inputs,
                       .add = true});
  return sums;
}

at::Tensor gradient_of_bias(const at::Tensor& gradient) {
  at::Tensor sums = at::zeros({gradient.size(1)}, gradient.options());
  kernels().add_rows(gradient.data_ptr<float>(), gradient.size(0), gradient.size(1),
                     sums.data_ptr<float>());
  return sums;
}

struct CpuProduct : autograd::Function<CpuProduct> {
  static at::Tensor forward(autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias) {
    context->save_for_backward({x, weight});
    return product(x, weight, bias, AfterProduct::nothing);
  }

  static autograd::variable_list backward(autograd::AutogradContext* context,
                                          const autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const at::Tensor gradient = gradients[0].contiguous().view({-1, gradients[0].size(-1)});
    at::Tensor to_x, to_weight, to_bias;
    if (context->needs_input_grad(0)) to_x = gradient_of_input(gradient, weight).view(x.sizes());
    if (context->needs_input_grad(1))
      to_weight = gradient_of_weight(gradient, x.reshape({-1, x.size(-1)}));
    if (context->needs_input_grad(2)) to_bias = gradient_of_bias(gradient);
    return {to_x, to_weight, to_bias};
  }
};

bool is_plain(const at::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == at::kFloat && tensor.layout() == at::kStrided;
}

}  // namespace

bool has_cpu_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return x.numel() > 0 && is_plain(x) && is_plain(weight) && (!bias.defined() || is_plain(bias)) &&
         operation().has_value();
}

at::Tensor cpu_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                       AfterProduct after) {
  const bool trained = at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad() ||
                                                      (bias.defined() && bias.requires_grad()));
  if (!trained) return product(x, weight, bias, after);
  const at::Tensor found =
      bias.defined() ? CpuProduct::apply(x, weight, bias) : at::linear(x, weight);
  return after == AfterProduct::gelu ? at::gelu(found) : found;
}

}  // namespace permafrost
