// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/attention.h"

#include <ATen/ATen.h>

#include "models/network/layers/attention_plans.h"
#include "models/network/layers/cpu_attention.h"
#include "models/network/layers/rope.h"
#include "models/network/tensor_float.h"

namespace permafrost {
namespace {

at::Tensor sliced(std::int64_t first, std::int64_t axis, const at::Tensor& x) {
  return first == 0 ? x : x.slice(axis, first, x.size(axis));
}

}  // namespace

at::Tensor tokens_from(std::int64_t first, const at::Tensor& x) { return sliced(first, 1, x); }

at::Tensor apply_attention(const LinearWeights& qkv, const LinearWeights& proj, const at::Tensor& x,
                           const AttentionSpec& spec) {
  const auto b = x.size(0), n = x.size(1), d = x.size(2);
  const at::Tensor joint = apply_linear(qkv, x);
  if (spec.rotation == nullptr && has_cpu_attention(joint))
    return apply_linear(proj, cpu_attention(as_factor(joint), spec.heads, spec.first));
  // One unbind, not three selects: its gradient is one stack in the layout of qkv, theirs would be
  // three tensors of zeros as large as qkv to write into and to add.
  const auto parts = joint.view({b, n, 3, spec.heads, d / spec.heads}).unbind(2);
  at::Tensor q = parts[0].transpose(1, 2), k = parts[1].transpose(1, 2);
  if (spec.rotation != nullptr) {
    q = rotated(q, *spec.rotation);
    k = rotated(k, *spec.rotation);
  }
  const at::Tensor mixed = mixture_of_values(as_factor(sliced(spec.first, 2, q)), as_factor(k),
                                             as_factor(parts[2].transpose(1, 2)));
  return apply_linear(proj, mixed.transpose(1, 2).reshape({b, n - spec.first, d}));
}

double attention_flops(double tokens, double width) {
  const double projections = linear_flops(tokens, width, 4 * width);  // queries, keys, values, out
  return projections + 2 * linear_flops(tokens, width, tokens);       // scores, and their mixture
}

}  // namespace permafrost
