// SPDX-License-Identifier: Apache-2.0
#pragma once

// Matrix products in TF32 (TensorFloat-32): both factors are rounded to 10 bits of mantissa, sums
// are float32.
//
// An NVIDIA GPU since Ampere does so itself, several times as fast as in float32. On a CPU the
// factors are rounded before a product in float32: slower, so that the protocol means the same
// everywhere and its error can be measured without a GPU. There products of the backward pass round
// the factors that the forward pass kept, and not the gradient.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "models/network/precision.h"

namespace permafrost {

// For as long as it lives, as_factor() rounds on this thread where `precision` is tf32. May be
// nested.
class RoundedFactors {
 public:
  explicit RoundedFactors(Precision precision);
  ~RoundedFactors();
  RoundedFactors(const RoundedFactors&) = delete;
  RoundedFactors& operator=(const RoundedFactors&) = delete;

 private:
  bool before_;
};

bool rounds_factors();  // on this thread
// `x` to the nearest number of 10 bits of mantissa, ties to even, where this thread asks for that
// and x is float32 and not on a GPU; else x itself. Gradients pass through the rounding.
at::Tensor as_factor(const at::Tensor& x);

// For as long as it lives, a GPU multiplies in tf32 or not. LibTorch has one setting for the whole
// process, so this waits until what computes otherwise has ended. Nothing on a CPU. Must not be
// nested.
class DeviceProducts {
 public:
  DeviceProducts(Precision precision, const at::Device& device);
  ~DeviceProducts();
  DeviceProducts(const DeviceProducts&) = delete;
  DeviceProducts& operator=(const DeviceProducts&) = delete;

 private:
  bool counted_;
};

}  // namespace permafrost
