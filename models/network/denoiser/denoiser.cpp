// SPDX-License-Identifier: Apache-2.0
#include "models/network/denoiser/denoiser.h"

#include <ATen/ATen.h>

#include <cmath>

#include "common/error.h"
#include "models/network/layers/rope.h"
#include "models/network/position.h"
#include "models/network/vit.h"

namespace permafrost {

void visit(DenoiserWeights& weights, const TensorVisitor& visitor) {
  visit(weights.patch_embed, "patch_embed.proj", visitor);
  visit(weights.time1, "t_embedder.mlp.0", visitor);
  visit(weights.time2, "t_embedder.mlp.2", visitor);
  for (std::size_t i = 0; i < weights.blocks.size(); ++i) {
    const std::string name = "blocks." + std::to_string(i);
    DenoiserBlockWeights& block = weights.blocks[i];
    visit(block.qkv, name + ".attn.qkv", visitor);
    visit(block.proj, name + ".attn.proj", visitor);
    visit(block.mlp, name + ".mlp", visitor);
    visit(block.modulation, name + ".adaLN_modulation.1", visitor);
  }
  visit(weights.final_modulation, "final_layer.adaLN_modulation.1", visitor);
  visit(weights.final, "final_layer.linear", visitor);
}

void visit_tables(DenoiserWeights& weights, const TensorVisitor& visitor) {
  if (weights.pos_embed.defined()) visitor("pos_embed", weights.pos_embed);
}

NamedTensors named_tensors(DenoiserWeights& weights) {
  NamedTensors tensors;
  visit(weights, [&](const std::string& name, at::Tensor& t) { tensors.emplace_back(name, t); });
  return tensors;
}

DenoiserWeights clone_of(const DenoiserWeights& weights) {
  DenoiserWeights copy = weights;
  visit(copy, [](const std::string&, at::Tensor& t) { t = t.detach().clone(); });
  return copy;
}

void require_denoiser_network(const EncoderSpec& network, const std::string& where) {
  const auto refuse = [&](bool wrong, const char* field, const char* expected, const char* found) {
    if (wrong) throw InputError(where, field, std::string(expected) + " of a denoiser", found);
  };
  refuse(network.class_token, "class_token", "false", "true");
  refuse(network.registers > 0, "registers", "0", "some");
  refuse(network.layer_scale, "layer_scale", "false (its gates are layer scales)", "true");
  refuse(!network.final_norm, "final_norm", "true", "false");
  refuse(network.per_frame, "per_frame", "false", "true");
  refuse(network.positions == Positions::learned, "positions", "a computed table or rope_3d",
         "\"learned\"");
}

namespace {

LinearWeights zero_linear(std::int64_t in, std::int64_t out, Init init, RandomStream& stream) {
  if (init == Init::none) return make_linear(in, out, init, stream);
  return {at::zeros({out, in}), at::zeros({out})};
}

LinearWeights small_linear(std::int64_t in, std::int64_t out, Init init, RandomStream& stream) {
  return make_linear(in, out, init == Init::none ? init : Init::normal, stream);
}

}  // namespace

DenoiserWeights make_denoiser(const DenoiserSpec& spec, Init init, std::uint64_t seed) {
  RandomStream stream({.seed = seed, .purpose = "denoiser.init"});
  const EncoderSpec& network = spec.network;
  const std::int64_t width = network.width;
  DenoiserWeights weights;
  weights.patch_embed = make_linear(network.patch_values(), width, init, stream);
  weights.pos_embed = make_positions(network);
  weights.time1 = small_linear(spec.frequencies, width, init, stream);
  weights.time2 = small_linear(width, width, init, stream);
  for (int i = 0; i < network.depth; ++i) {
    DenoiserBlockWeights block;
    block.qkv = make_linear(width, 3 * width, init, stream);
    block.proj = make_linear(width, width, init, stream);
    block.mlp = make_feed_forward(network.feed_forward_of(i), width, init, stream);
    block.modulation = zero_linear(width, 6 * width, init, stream);
    weights.blocks.push_back(std::move(block));
  }
  weights.final_modulation = zero_linear(width, 2 * width, init, stream);
  weights.final = zero_linear(width, spec.outputs, init, stream);
  return weights;
}

at::Tensor time_sinusoid(const at::Tensor& times, std::int64_t frequencies) {
  const std::int64_t half = frequencies / 2;
  const auto options = at::TensorOptions(at::kFloat).device(times.device());
  const at::Tensor waves =
      at::exp(at::arange(half, options) * -std::log(10000.0) / static_cast<double>(half));
  const at::Tensor angles = times.to(at::kFloat).unsqueeze(1) * waves;
  std::vector<at::Tensor> parts{angles.cos(), angles.sin()};
  if (frequencies % 2 != 0) parts.push_back(at::zeros({times.size(0), 1}, options));
  return at::cat(parts, 1);
}

at::Tensor time_embedding(const LinearWeights& first, const LinearWeights& second,
                          const at::Tensor& times) {
  const at::Tensor waves =
      time_sinusoid(times, first.weight.size(1)).to(first.weight.scalar_type());
  return apply_linear(second, at::silu(apply_linear(first, waves)));
}

at::Tensor condition_of(const DenoiserWeights& weights, const at::Tensor& times) {
  return time_embedding(weights.time1, weights.time2, times);
}

std::vector<at::Tensor> modulation_of(const LinearWeights& layer, const at::Tensor& condition) {
  const at::Tensor all = apply_linear(layer, at::silu(condition));
  const auto width = condition.size(1);
  return all.view({all.size(0), all.size(1) / width, 1, width}).unbind(1);
}

namespace {

// The norm without weights, then the condition's scale and shift.
at::Tensor modulated(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                     double eps) {
  const at::Tensor normed = at::layer_norm(x, {x.size(-1)}, {}, {}, eps);
  return at::addcmul(shift, normed, 1 + scale);
}

at::Tensor apply_denoiser_block(const DenoiserBlockWeights& weights, const at::Tensor& x,
                                const BlockSpec& spec, const std::vector<at::Tensor>& modulation,
                                const BlockInput& input) {
  const at::Tensor mixed = apply_attention(weights.qkv, weights.proj,
                                           modulated(x, modulation[0], modulation[1], spec.eps),
                                           {spec.heads, input.rotation});
  const at::Tensor attended = at::addcmul(x, modulation[2], mixed);
  const at::Tensor fed =
      apply_feed_forward(weights.mlp, spec.feed_forward,
                         modulated(attended, modulation[3], modulation[4], spec.eps), input.trace);
  return at::addcmul(attended, modulation[5], fed);
}

// The stream [B,N,D] after the last block.
at::Tensor run_denoiser(const DenoiserWeights& weights, const DenoiserSpec& spec,
                        const at::Tensor& patches, const at::Tensor& condition,
                        const DenoiserCall& call) {
  const EncoderSpec& network = spec.network;
  at::Tensor x = apply_linear(weights.patch_embed, patches);
  if (weights.pos_embed.defined()) x = x + weights.pos_embed;
  Rotation rotation;
  const bool turned = network.positions == Positions::rope_3d;
  if (turned)
    rotation = rotation_for(network.width / network.heads, network.grid_t(), network.grid_h(),
                            network.grid_w(), {}, x.device());
  const BlockInput input{.rotation = turned ? &rotation : nullptr, .trace = call.trace};
  for (std::size_t i = 0; i < weights.blocks.size(); ++i) {
    const DenoiserBlockWeights& block = weights.blocks[i];
    x = apply_denoiser_block(block, x, network.block(static_cast<int>(i)),
                             modulation_of(block.modulation, condition), input);
    if (call.states != nullptr) call.states->push_back(x);
  }
  return x;
}

}  // namespace

at::Tensor apply_denoiser(const DenoiserWeights& weights, const DenoiserSpec& spec,
                          const at::Tensor& patches, const at::Tensor& times,
                          const DenoiserCall& call) {
  const at::Tensor condition = condition_of(weights, times);
  const at::Tensor x = run_denoiser(weights, spec, patches, condition, call);
  const auto last = modulation_of(weights.final_modulation, condition);
  return apply_linear(weights.final, modulated(x, last[0], last[1], spec.network.norm_eps));
}

at::Tensor denoise(const DenoiserWeights& weights, const DenoiserSpec& spec,
                   const PatchSpace& space, const at::Tensor& x, const at::Tensor& times,
                   const DenoiserCall& call) {
  const at::Tensor patches = to_patches(space, x).to(weights.final.weight.scalar_type());
  return apply_denoiser(weights, spec, patches, times, call).to(at::kFloat);
}

at::Tensor denoiser_features(const DenoiserWeights& weights, const DenoiserSpec& spec,
                             const at::Tensor& patches, const at::Tensor& times,
                             BlockTrace* trace) {
  const at::Tensor x =
      run_denoiser(weights, spec, patches, condition_of(weights, times), {.trace = trace});
  return at::layer_norm(x, {x.size(-1)}, {}, {}, spec.network.norm_eps);
}

double denoiser_embedding_flops(const DenoiserSpec& spec) {
  return embedding_flops(spec.network, spec.network.tokens());
}

double denoiser_flops(const DenoiserSpec& spec) {
  const EncoderSpec& network = spec.network;
  const double tokens = network.tokens(), width = network.width;
  const double condition = linear_flops(1, spec.frequencies, width) +
                           linear_flops(1, width, width) +
                           linear_flops(1, width, (6.0 * network.depth + 2) * width);
  return blocks_flops(network, tokens) + condition + linear_flops(tokens, width, spec.outputs);
}

}  // namespace permafrost
