// SPDX-License-Identifier: Apache-2.0
#include "models/network/weights.h"

#include <torch/types.h>

#include <cmath>

#include "common/files/hash.h"
#include "models/network/attention_plans.h"
#include "models/network/biased_product.h"
#include "models/network/rope.h"

namespace permafrost {

std::vector<at::Tensor> values_of(const NamedTensors& tensors) {
  std::vector<at::Tensor> values;
  for (const auto& [name, tensor] : tensors) values.push_back(tensor);
  return values;
}

void visit(LinearWeights& weights, const std::string& prefix, const TensorVisitor& visitor) {
  visitor(prefix + ".weight", weights.weight);
  visitor(prefix + ".bias", weights.bias);
}

void visit(NormWeights& weights, const std::string& prefix, const TensorVisitor& visitor) {
  visitor(prefix + ".weight", weights.weight);
  visitor(prefix + ".bias", weights.bias);
}

void visit(BlockWeights& weights, const std::string& prefix, const TensorVisitor& visitor) {
  visit(weights.norm1, prefix + ".norm1", visitor);
  visit(weights.qkv, prefix + ".attn.qkv", visitor);
  visit(weights.proj, prefix + ".attn.proj", visitor);
  visit(weights.norm2, prefix + ".norm2", visitor);
  visit(weights.fc1, prefix + ".mlp.fc1", visitor);
  visit(weights.fc2, prefix + ".mlp.fc2", visitor);
  if (weights.scale1.defined()) visitor(prefix + ".ls1.gamma", weights.scale1);
  if (weights.scale2.defined()) visitor(prefix + ".ls2.gamma", weights.scale2);
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

BlockWeights make_block(std::int64_t width, std::int64_t hidden, Init init, RandomStream& stream,
                        Ffn ffn) {
  BlockWeights block;
  block.norm1 = make_norm(width);
  block.norm2 = make_norm(width);
  block.qkv = make_linear(width, 3 * width, init, stream);
  block.proj = make_linear(width, width, init, stream);
  block.fc1 = make_linear(width, ffn == Ffn::swiglu ? 2 * hidden : hidden, init, stream);
  block.fc2 = make_linear(hidden, width, init, stream);
  return block;
}

at::Tensor apply_norm(const NormWeights& weights, const at::Tensor& x, double eps) {
  return at::layer_norm(x, {x.size(-1)}, weights.weight, weights.bias, eps);
}

namespace {

thread_local int bias_after_product = 0;  // scopes alive on this thread

}  // namespace

BiasAfterProduct::BiasAfterProduct() { ++bias_after_product; }
BiasAfterProduct::~BiasAfterProduct() { --bias_after_product; }

at::Tensor apply_linear(const LinearWeights& weights, const at::Tensor& x) {
  const bool has_bias = weights.bias.defined();
  if (has_bias && !x.is_cpu() && weights.bias.requires_grad() && at::GradMode::is_enabled())
    return biased_product(x, weights.weight, weights.bias);
  if (bias_after_product == 0 || !x.is_cpu() || !has_bias)
    return at::linear(x, weights.weight, weights.bias);
  return at::linear(x, weights.weight).add_(weights.bias);
}

namespace {

at::Tensor tokens_from(std::int64_t first, std::int64_t axis, const at::Tensor& x) {
  return first == 0 ? x : x.slice(axis, first, x.size(axis));
}

at::Tensor attention(const BlockWeights& weights, const at::Tensor& x, int heads,
                     const Rotation* rotation, std::int64_t first) {
  const auto b = x.size(0), n = x.size(1), d = x.size(2);
  // One unbind, not three selects: its gradient is one stack in the layout of qkv, theirs would be
  // three tensors of zeros as large as qkv to write into and to add.
  const auto parts = apply_linear(weights.qkv, x).view({b, n, 3, heads, d / heads}).unbind(2);
  at::Tensor q = parts[0].transpose(1, 2), k = parts[1].transpose(1, 2);
  if (rotation != nullptr) {
    q = rotated(q, *rotation);
    k = rotated(k, *rotation);
  }
  const at::Tensor mixed = mixture_of_values(tokens_from(first, 2, q), k, parts[2].transpose(1, 2));
  return apply_linear(weights.proj, mixed.transpose(1, 2).reshape({b, n - first, d}));
}

at::Tensor feed_forward(const BlockWeights& weights, const at::Tensor& x, Ffn ffn) {
  at::Tensor hidden = apply_linear(weights.fc1, x);
  // Without a backward pass nobody needs what goes into the GELU any more.
  if (ffn == Ffn::gelu)
    return apply_linear(weights.fc2, hidden.requires_grad() ? at::gelu(hidden) : at::gelu_(hidden));
  const auto halves = hidden.chunk(2, -1);
  return apply_linear(weights.fc2, at::silu(halves[0]) * halves[1]);
}

at::Tensor scaled(const at::Tensor& scale, const at::Tensor& x) {
  return scale.defined() ? x * scale : x;
}

at::Tensor kept_branch(const at::Tensor& branches, std::int64_t branch, const at::Tensor& x) {
  return branches.defined() ? x * branches[branch].view({-1, 1, 1}) : x;
}

// Into the branch's own memory, which no backward pass looks at. Not where the branch is a view, as
// linear() leaves it: when a view is changed, its gradient is copied three times.
at::Tensor added(const at::Tensor& branch, const at::Tensor& x) {
  return branch.requires_grad() && branch.is_view() ? branch + x : branch.add_(x);
}

}  // namespace

at::Tensor apply_block(const BlockWeights& weights, const at::Tensor& x, const BlockSpec& spec,
                       const Rotation* rotation, const at::Tensor& branches, std::int64_t first) {
  const at::Tensor mixed =
      attention(weights, apply_norm(weights.norm1, x, spec.eps), spec.heads, rotation, first);
  const at::Tensor attended =
      added(kept_branch(branches, 0, scaled(weights.scale1, mixed)), tokens_from(first, 1, x));
  const at::Tensor fed =
      feed_forward(weights, apply_norm(weights.norm2, attended, spec.eps), spec.ffn);
  return added(kept_branch(branches, 1, scaled(weights.scale2, fed)), attended);
}

std::string not_finite_text(const at::Tensor& tensor) {
  const auto wrong = tensor.numel() - tensor.isfinite().sum().item<std::int64_t>();
  if (wrong == 0) return "";
  return c10::str(wrong, " of ", tensor.numel(), " values are not finite numbers");
}

std::string hash_of(const NamedTensors& tensors) {
  Sha256 hash;
  for (const auto& [name, tensor] : tensors) {
    // dtype().name() is a view into a longer text of the compiler's: never its data() alone.
    hash.add(c10::str(name, " ", tensor.sizes(), " ", tensor.dtype().name(), "\n"));
    const at::Tensor bytes = tensor.detach().to(at::kCPU).contiguous();
    hash.add(bytes.data_ptr(), bytes.nbytes());
  }
  return hash.hex();
}

}  // namespace permafrost
