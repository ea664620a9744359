// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/cpu_product.h"

#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

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
    const at::Tensor gradient = gradients[0].contiguous();
    const at::Tensor rows = gradient.view({-1, gradient.size(-1)});
    at::Tensor to_x, to_weight, to_bias;
    if (context->needs_input_grad(0))
      to_x = product(gradient, weight.t(), {}, AfterProduct::nothing);
    if (context->needs_input_grad(1))
      to_weight = product(rows.t(), x.reshape({-1, x.size(-1)}).t(), {}, AfterProduct::nothing);
    if (context->needs_input_grad(2)) to_bias = rows.sum(0);
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
