// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/biased_product.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace permafrost {
namespace {

namespace autograd = torch::autograd;

// `rows` [R,C] in the shape of `like` [...,any] but for the last axis.
at::Tensor shaped(const at::Tensor& rows, const at::Tensor& like) {
  auto sizes = like.sizes().vec();
  sizes.back() = rows.size(1);
  return at::_unsafe_view(rows, sizes);
}

at::Tensor rows_of(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

at::Tensor column_sums(const at::Tensor& rows) {
  // A matrix unit multiplies eight rows at a time: one alone is no faster.
  return at::mm(at::ones({8, rows.size(0)}, rows.options()), rows)[0];
}

struct BiasedProduct : autograd::Function<BiasedProduct> {
  static at::Tensor forward(autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias) {
    const at::Tensor rows = rows_of(x);
    context->save_for_backward({rows, weight});
    return shaped(at::addmm(bias, rows, weight.t()), x);
  }

  static autograd::variable_list backward(autograd::AutogradContext* context,
                                          const autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor gradient = rows_of(gradients[0]);
    at::Tensor to_x;
    if (context->needs_input_grad(0)) to_x = shaped(at::mm(gradient, weight), gradients[0]);
    return {to_x, at::mm(gradient.t(), x), column_sums(gradient)};
  }
};

}  // namespace

at::Tensor biased_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return BiasedProduct::apply(x, weight, bias);
}

}  // namespace permafrost
