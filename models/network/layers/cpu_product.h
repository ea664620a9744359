// SPDX-License-Identifier: Apache-2.0
#pragma once

// Linear layers on a CPU through oneDNN, which LibTorch brings along: its products use the widest
// vectors of any x86 or Arm processor, where LibTorch's own linear() asks MKL, which on some
// processors takes half as long vectors (docs/performance.md has the rates).
#include <ATen/core/Tensor.h>

namespace permafrost {

enum class AfterProduct { nothing, gelu };

// Whether cpu_product() takes x, weight and bias: float32 on a CPU, at least one row, and a
// LibTorch that has oneDNN.
bool has_cpu_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// x [...,I] times the transpose of weight [O,I], plus bias [O] where it is defined: [...,O]. The
// exact GELU after it costs no pass over the result. Gradients are computed by models/kernels,
// where there is a bias. Values differ from linear()'s by the order of sums alone. One thread; may
// be called from several.
at::Tensor cpu_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                       AfterProduct after = AfterProduct::nothing);

}  // namespace permafrost
