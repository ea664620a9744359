// SPDX-License-Identifier: Apache-2.0
#pragma once

// Linear layers and layer norms: the weights that everything else is built of, as plain structs of
// tensors, visited by name.
//
// Names and shapes are those of the reference implementation's state dictionaries, so that a
// checkpoint is a list of these and nothing else.
#include <cstdint>
#include <string>

#include "common/random.h"
#include "models/network/layers/named_tensors.h"

namespace permafrost {

struct LinearWeights {
  at::Tensor weight, bias;  // [out,in], [out]
};

struct NormWeights {
  at::Tensor weight, bias;  // [D], [D]
};

void visit(LinearWeights& weights, const std::string& prefix, const TensorVisitor& visitor);
void visit(NormWeights& weights, const std::string& prefix, const TensorVisitor& visitor);

// How fresh weights are drawn. `xavier` scales with fan-in and fan-out (needed at small widths),
// `normal` is the reference's N(0, 0.02^2), made for widths of 384 and more, `none` gives
// linear weights a shape and no memory, for a file's to take their place.
enum class Init { xavier, normal, none };

LinearWeights make_linear(std::int64_t in, std::int64_t out, Init init, RandomStream& stream);
NormWeights make_norm(std::int64_t width);
at::Tensor normal_tensor(at::IntArrayRef shape, double deviation, RandomStream& stream);

at::Tensor apply_norm(const NormWeights& weights, const at::Tensor& x, double eps);
// Factors of the product are rounded as this thread asks (tensor_float.h).
at::Tensor apply_linear(const LinearWeights& weights, const at::Tensor& x);
// The exact GELU of it, in one pass where that can be.
at::Tensor apply_linear_and_gelu(const LinearWeights& weights, const at::Tensor& x);

// Floating-point operations of the forward pass, a product of [m,k] and [k,n] as 2mkn.
double linear_flops(double tokens, double in, double out);

}  // namespace permafrost
