// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace permafrost {

// x [...,I] times the transpose of weight [O,I], plus bias [O]: linear() as a GPU trains it
// fastest. The gradient of the bias, a column sum, is a product with ones, which reads at the
// memory's rate; LibTorch's sum takes up to three times as long. And the result is no view, as
// linear()'s is, so that something can be added to it in place without copies in the backward pass.
at::Tensor biased_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace permafrost
