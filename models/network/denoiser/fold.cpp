// SPDX-License-Identifier: Apache-2.0
#include "models/network/denoiser/fold.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "common/error.h"
#include "models/network/denoiser/noise.h"

namespace permafrost {
namespace {

at::Tensor row_of(const at::Tensor& modulation) { return modulation.flatten().contiguous(); }

BlockWeights folded_block(const DenoiserBlockWeights& weights, const at::Tensor& condition) {
  const auto parts = modulation_of(weights.modulation, condition);
  BlockWeights block;
  block.norm1 = {row_of(1 + parts[1]), row_of(parts[0])};
  block.scale1 = row_of(parts[2]);
  block.norm2 = {row_of(1 + parts[4]), row_of(parts[3])};
  block.scale2 = row_of(parts[5]);
  block.qkv = weights.qkv;
  block.proj = weights.proj;
  block.mlp = weights.mlp;
  return block;
}

void require_level(double tau, int blocks, int depth, const std::string& where) {
  if (!(tau >= 0 && tau <= 1))
    throw InputError(where, "time", "a noise level from 0 to 1", c10::str(tau));
  if (blocks < 1 || blocks > depth)
    throw InputError(where, "blocks", "1 to " + std::to_string(depth) + ", which the denoiser has",
                     std::to_string(blocks));
}

}  // namespace

FoldedEncoder folded(const DenoiserWeights& weights, const DenoiserSpec& spec, double tau,
                     int blocks, const std::string& where) {
  require_level(tau, blocks, spec.network.depth, where);
  const at::NoGradGuard no_grad;
  const auto time = static_cast<float>(level_at(spec, tau).time);
  const at::Tensor condition = condition_of(
      weights, at::full({1}, time, weights.patch_embed.weight.options().dtype(at::kFloat)));
  FoldedEncoder encoder{.spec = shortened(spec.network, blocks)};
  encoder.spec.layer_scale = true;
  encoder.spec.final_norm = true;
  encoder.weights.patch_embed = weights.patch_embed;
  encoder.weights.pos_embed = weights.pos_embed;
  for (int i = 0; i < blocks; ++i)
    encoder.weights.blocks.push_back(
        folded_block(weights.blocks[static_cast<std::size_t>(i)], condition));
  encoder.weights.norm = make_norm(spec.network.width);
  return encoder;
}

}  // namespace permafrost
