// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/block.h"

#include <ATen/ATen.h>

namespace permafrost {

void visit(BlockWeights& weights, const std::string& prefix, const TensorVisitor& visitor) {
  visit(weights.norm1, prefix + ".norm1", visitor);
  visit(weights.qkv, prefix + ".attn.qkv", visitor);
  visit(weights.proj, prefix + ".attn.proj", visitor);
  visit(weights.norm2, prefix + ".norm2", visitor);
  visit(weights.mlp, prefix + ".mlp", visitor);
  if (weights.scale1.defined()) visitor(prefix + ".ls1.gamma", weights.scale1);
  if (weights.scale2.defined()) visitor(prefix + ".ls2.gamma", weights.scale2);
}

BlockWeights make_block(std::int64_t width, const FeedForwardSpec& feed_forward, Init init,
                        RandomStream& stream) {
  BlockWeights block;
  block.norm1 = make_norm(width);
  block.norm2 = make_norm(width);
  block.qkv = make_linear(width, 3 * width, init, stream);
  block.proj = make_linear(width, width, init, stream);
  block.mlp = make_feed_forward(feed_forward, width, init, stream);
  return block;
}

namespace {

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

std::size_t losses_in(const BlockTrace* trace) {
  return trace != nullptr ? trace->losses.size() : 0;
}

}  // namespace

at::Tensor apply_block(const BlockWeights& weights, const at::Tensor& x, const BlockSpec& spec,
                       const BlockInput& input) {
  const at::Tensor mixed =
      apply_attention(weights.qkv, weights.proj, apply_norm(weights.norm1, x, spec.eps),
                      {spec.heads, input.rotation, input.first});
  const at::Tensor attended = added(kept_branch(input.branches, 0, scaled(weights.scale1, mixed)),
                                    tokens_from(input.first, x));
  const std::size_t losses = losses_in(input.trace);
  const at::Tensor fed = apply_feed_forward(
      weights.mlp, spec.feed_forward, apply_norm(weights.norm2, attended, spec.eps), input.trace);
  const at::Tensor branch = kept_branch(input.branches, 1, scaled(weights.scale2, fed));
  // A loss of the layer may have kept its output for the backward pass.
  return losses_in(input.trace) > losses ? branch + attended : added(branch, attended);
}

double block_flops(double tokens, double width, const FeedForwardSpec& feed_forward) {
  return attention_flops(tokens, width) + feed_forward_flops(feed_forward, tokens, width);
}

}  // namespace permafrost
