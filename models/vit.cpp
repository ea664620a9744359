// SPDX-License-Identifier: Apache-2.0
#include "models/vit.h"

#include <torch/types.h>

#include "common/error.h"
#include "models/position.h"

namespace permafrost {

void visit(VitWeights& weights, const TensorVisitor& visitor) {
  visit(weights.patch_embed, "patch_embed.proj", visitor);
  for (std::size_t i = 0; i < weights.blocks.size(); ++i)
    visit(weights.blocks[i], "blocks." + std::to_string(i), visitor);
  visit(weights.norm, "norm", visitor);
}

NamedTensors named_tensors(VitWeights& weights) {
  NamedTensors tensors;
  visit(weights, [&](const std::string& name, at::Tensor& t) { tensors.emplace_back(name, t); });
  return tensors;
}

VitWeights make_vit(const EncoderSpec& spec, Init init, std::uint64_t seed) {
  RandomStream stream({.seed = seed, .purpose = "encoder.init"});
  VitWeights weights;
  weights.patch_embed = make_linear(spec.patch_values(), spec.width, init, stream);
  for (int i = 0; i < spec.depth; ++i)
    weights.blocks.push_back(make_block(spec.width, spec.hidden(), init, stream));
  weights.norm = make_norm(spec.width);
  weights.pos_embed =
      sincos_positions(spec.width, spec.grid_t(), spec.grid_h(), spec.grid_w(), spec.uniform_power);
  return weights;
}

VitWeights alias_of(const VitWeights& weights, bool requires_grad) {
  VitWeights alias = weights;
  visit(alias, [&](const std::string&, at::Tensor& t) {
    t = t.detach();
    t.set_requires_grad(requires_grad);
  });
  return alias;
}

VitWeights clone_of(const VitWeights& weights) {
  VitWeights copy = weights;
  visit(copy, [](const std::string&, at::Tensor& t) { t = t.detach().clone(); });
  return copy;
}

VitWeights to_device(const VitWeights& weights, const at::Device& device) {
  VitWeights moved = weights;
  visit(moved, [&](const std::string&, at::Tensor& t) { t = t.detach().to(device); });
  moved.pos_embed = weights.pos_embed.to(device);
  return moved;
}

at::Tensor pixel_tensor(const std::uint8_t* pixels, std::int64_t clips, const ClipShape& shape) {
  return at::from_blob(const_cast<std::uint8_t*>(pixels),
                       {clips, shape.frames, shape.height, shape.width, 3}, at::kByte);
}

at::Tensor patchify(const at::Tensor& pixels, const EncoderSpec& spec) {
  if (pixels.dim() != 5 || pixels.size(1) != spec.frames || pixels.size(2) != spec.height ||
      pixels.size(3) != spec.image_width || pixels.size(4) != 3)
    throw InputError(
        "encoder", "clip",
        c10::str("pixels [B,", spec.frames, ",", spec.height, ",", spec.image_width, ",3]"),
        c10::str(pixels.sizes()));
  const auto b = pixels.size(0);
  const at::Tensor cut = pixels
                             .view({b, spec.grid_t(), spec.tubelet, spec.grid_h(), spec.patch,
                                    spec.grid_w(), spec.patch, 3})
                             .permute({0, 1, 3, 5, 7, 2, 4, 6})
                             .contiguous()
                             .view({b, spec.tokens(), 3, spec.patch_values() / 3})
                             .to(at::kFloat);
  // (x/255 - mean) / deviation as one multiplication and one addition, in place.
  at::Tensor scale = at::empty({3, 1}, at::kFloat), shift = at::empty({3, 1}, at::kFloat);
  for (int c = 0; c < 3; ++c) {
    const auto k = static_cast<std::size_t>(c);
    scale[c][0] = 1.0 / (255.0 * spec.deviation[k]);
    shift[c][0] = -spec.mean[k] / spec.deviation[k];
  }
  at::Tensor patches = cut;
  return patches.mul_(scale.to(cut.device()))
      .add_(shift.to(cut.device()))
      .view({b, spec.tokens(), spec.patch_values()});
}

at::Tensor patchify_normalised(const at::Tensor& clips, const EncoderSpec& spec) {
  const auto b = clips.size(0);
  return clips
      .reshape(
          {b, 3, spec.grid_t(), spec.tubelet, spec.grid_h(), spec.patch, spec.grid_w(), spec.patch})
      .permute({0, 2, 4, 6, 1, 3, 5, 7})
      .reshape({b, spec.tokens(), spec.patch_values()});
}

at::Tensor gather_tokens(const at::Tensor& x, const at::Tensor& indices) {
  return x.gather(1, indices.unsqueeze(-1).expand({indices.size(0), indices.size(1), x.size(2)}));
}

namespace {

at::Tensor embed(const VitWeights& weights, const at::Tensor& patches, const at::Tensor& kept) {
  if (!kept.defined()) return apply_linear(weights.patch_embed, patches) + weights.pos_embed;
  const at::Tensor positions =
      gather_tokens(weights.pos_embed.expand({patches.size(0), -1, -1}), kept);
  return apply_linear(weights.patch_embed, gather_tokens(patches, kept)) + positions;
}

}  // namespace

at::Tensor encode(const VitWeights& weights, const EncoderSpec& spec, const at::Tensor& patches,
                  const at::Tensor& kept) {
  at::Tensor x = embed(weights, patches, kept);
  for (const auto& block : weights.blocks) x = apply_block(block, x, spec.heads, spec.norm_eps);
  return apply_norm(weights.norm, x, spec.norm_eps);
}

std::vector<at::Tensor> encode_layers(const VitWeights& weights, const EncoderSpec& spec,
                                      const at::Tensor& patches, const std::vector<int>& layers) {
  std::vector<at::Tensor> out;
  at::Tensor x = embed(weights, patches, {});
  std::vector<at::Tensor> after;
  for (const auto& block : weights.blocks) {
    x = apply_block(block, x, spec.heads, spec.norm_eps);
    after.push_back(x);
  }
  for (const int layer : layers)
    out.push_back(
        apply_norm(weights.norm, after.at(static_cast<std::size_t>(layer)), spec.norm_eps));
  return out;
}

}  // namespace permafrost
