// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/linear.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "models/network/layers/biased_product.h"
#include "models/network/layers/cpu_product.h"
#include "models/network/tensor_float.h"

namespace permafrost {

void visit(LinearWeights& weights, const std::string& prefix, const TensorVisitor& visitor) {
  visitor(prefix + ".weight", weights.weight);
  visitor(prefix + ".bias", weights.bias);
}

void visit(NormWeights& weights, const std::string& prefix, const TensorVisitor& visitor) {
  visitor(prefix + ".weight", weights.weight);
  visitor(prefix + ".bias", weights.bias);
}

at::Tensor normal_tensor(at::IntArrayRef shape, double deviation, RandomStream& stream) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  float* values = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i)
    values[i] = static_cast<float>(deviation) * stream.normal();
  return tensor;
}

LinearWeights make_linear(std::int64_t in, std::int64_t out, Init init, RandomStream& stream) {
  if (init == Init::none) {
    const auto shapes_only = at::TensorOptions(at::kFloat).device(at::kMeta);
    return {at::empty({out, in}, shapes_only), at::empty({out}, shapes_only)};
  }
  const double deviation =
      init == Init::normal ? 0.02 : std::sqrt(2.0 / static_cast<double>(in + out));
  return {normal_tensor({out, in}, deviation, stream), at::zeros({out}, at::kFloat)};
}

NormWeights make_norm(std::int64_t width) {
  return {at::ones({width}, at::kFloat), at::zeros({width}, at::kFloat)};
}

at::Tensor apply_norm(const NormWeights& weights, const at::Tensor& x, double eps) {
  return at::layer_norm(x, {x.size(-1)}, weights.weight, weights.bias, eps);
}

double linear_flops(double tokens, double in, double out) { return 2 * tokens * in * out; }

at::Tensor apply_linear(const LinearWeights& weights, const at::Tensor& input) {
  const at::Tensor x = as_factor(input), weight = as_factor(weights.weight);
  if (weights.bias.defined() && !x.is_cpu() && weights.bias.requires_grad() &&
      at::GradMode::is_enabled())
    return biased_product(x, weight, weights.bias);
  if (has_cpu_product(x, weight, weights.bias)) return cpu_product(x, weight, weights.bias);
  return at::linear(x, weight, weights.bias);
}

at::Tensor apply_linear_and_gelu(const LinearWeights& weights, const at::Tensor& input) {
  if (has_cpu_product(input, weights.weight, weights.bias))
    return cpu_product(as_factor(input), as_factor(weights.weight), weights.bias,
                       AfterProduct::gelu);
  at::Tensor product = apply_linear(weights, input);
  // Without a backward pass nobody needs what goes into the GELU any more.
  return product.requires_grad() ? at::gelu(product) : at::gelu_(product);
}

}  // namespace permafrost
