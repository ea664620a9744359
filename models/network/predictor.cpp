// SPDX-License-Identifier: Apache-2.0
#include "models/network/predictor.h"

#include <ATen/ATen.h>

#include "models/network/layers/rope.h"
#include "models/network/position.h"
#include "models/network/vit.h"

namespace permafrost {

void visit(PredictorWeights& weights, const TensorVisitor& visitor) {
  visit(weights.embed, "predictor_embed", visitor);
  for (std::size_t i = 0; i < weights.mask_tokens.size(); ++i)
    visitor("mask_tokens." + std::to_string(i), weights.mask_tokens[i]);
  for (std::size_t i = 0; i < weights.blocks.size(); ++i)
    visit(weights.blocks[i], "predictor_blocks." + std::to_string(i), visitor);
  visit(weights.norm, "predictor_norm", visitor);
  visit(weights.proj, "predictor_proj", visitor);
}

void visit_tables(PredictorWeights& weights, const TensorVisitor& visitor) {
  if (weights.pos_embed.defined()) visitor("predictor_pos_embed", weights.pos_embed);
}

NamedTensors named_tensors(PredictorWeights& weights) {
  NamedTensors tensors;
  visit(weights, [&](const std::string& name, at::Tensor& t) { tensors.emplace_back(name, t); });
  return tensors;
}

PredictorWeights make_predictor(const PredictorSpec& spec, const EncoderSpec& encoder, int masks,
                                Init init, std::uint64_t seed) {
  RandomStream stream({.seed = seed, .purpose = "predictor.init"});
  PredictorWeights weights;
  weights.embed = make_linear(encoder.width, spec.width, init, stream);
  for (int i = 0; i < masks; ++i) weights.mask_tokens.push_back(at::zeros({1, 1, spec.width}));
  for (int i = 0; i < spec.depth; ++i)
    weights.blocks.push_back(make_block(spec.width, {}, init, stream));
  weights.norm = make_norm(spec.width);
  weights.proj = make_linear(spec.width, spec.outputs, init, stream);
  if (spec.positions == Positions::sincos_3d)
    weights.pos_embed = sincos_positions(spec.width, encoder.grid_t(), encoder.grid_h(),
                                         encoder.grid_w(), encoder.uniform_power);
  return weights;
}

PredictorWeights alias_of(const PredictorWeights& weights, bool requires_grad) {
  PredictorWeights alias = weights;
  visit(alias, [&](const std::string&, at::Tensor& t) {
    t = t.detach();
    t.set_requires_grad(requires_grad);
  });
  return alias;
}

PredictorWeights to_device(const PredictorWeights& weights, const at::Device& device) {
  PredictorWeights moved = weights;
  visit(moved, [&](const std::string&, at::Tensor& t) { t = t.detach().to(device); });
  if (weights.pos_embed.defined()) moved.pos_embed = weights.pos_embed.to(device);
  return moved;
}

at::Tensor predict(const PredictorWeights& weights, const PredictorSpec& spec, double norm_eps,
                   const at::Tensor& z, const at::Tensor& context, const at::Tensor& target,
                   int mask) {
  return predict_from(weights, spec, norm_eps, z, context, target,
                      weights.mask_tokens.at(static_cast<std::size_t>(mask))
                          .expand({z.size(0), target.size(1), spec.width}));
}

at::Tensor predict_from(const PredictorWeights& weights, const PredictorSpec& spec, double norm_eps,
                        const at::Tensor& z, const at::Tensor& context, const at::Tensor& target,
                        const at::Tensor& tokens) {
  at::Tensor seen = apply_linear(weights.embed, z), asked = tokens;
  Rotation rotation;
  const bool turned = spec.positions == Positions::rope_3d;
  if (turned) {
    // Only kept tokens are turned: the number of time steps does not matter.
    rotation = rotation_for(spec.width / spec.heads, 1, spec.grid_h, spec.grid_w,
                            at::cat({context, target}, 1), z.device());
  } else {
    seen = seen + table_rows(weights.pos_embed, context);
    asked = asked + table_rows(weights.pos_embed, target);
  }
  at::Tensor x = at::cat({seen, asked}, 1);
  for (std::size_t i = 0; i < weights.blocks.size(); ++i) {
    // Nobody asks what comes out of the last block at context tokens.
    const bool last = i + 1 == weights.blocks.size();
    x = apply_block(
        weights.blocks[i], x, {spec.heads, norm_eps},
        {.rotation = turned ? &rotation : nullptr, .first = last ? context.size(1) : 0});
  }
  if (weights.blocks.empty()) x = x.slice(1, context.size(1), x.size(1));
  return apply_linear(weights.proj, apply_norm(weights.norm, x, norm_eps));
}

}  // namespace permafrost
