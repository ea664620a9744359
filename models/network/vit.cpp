// SPDX-License-Identifier: Apache-2.0
#include "models/network/vit.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "common/error.h"
#include "models/network/device_copy.h"
#include "models/network/layers/rope.h"
#include "models/network/position.h"

namespace permafrost {

void visit(VitWeights& weights, const TensorVisitor& visitor) {
  visit(weights.patch_embed, "patch_embed.proj", visitor);
  if (weights.cls_token.defined()) visitor("cls_token", weights.cls_token);
  if (weights.register_tokens.defined()) visitor("register_tokens", weights.register_tokens);
  if (weights.pos_is_weight) visitor("pos_embed", weights.pos_embed);
  for (std::size_t i = 0; i < weights.blocks.size(); ++i)
    visit(weights.blocks[i], "blocks." + std::to_string(i), visitor);
  if (weights.norm.weight.defined()) visit(weights.norm, "norm", visitor);
  visit(weights.noise_space,
        [&](const std::string& name, at::Tensor& t) { visitor("noise_space." + name, t); });
}

void visit_tables(VitWeights& weights, const TensorVisitor& visitor) {
  if (weights.pos_embed.defined() && !weights.pos_is_weight)
    visitor("pos_embed", weights.pos_embed);
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
  for (int i = 0; i < spec.depth; ++i) {
    weights.blocks.push_back(make_block(spec.width, spec.feed_forward_of(i), init, stream));
    if (!spec.layer_scale) continue;
    weights.blocks.back().scale1 = at::ones({spec.width}, at::kFloat);
    weights.blocks.back().scale2 = at::ones({spec.width}, at::kFloat);
  }
  if (spec.final_norm) weights.norm = make_norm(spec.width);
  weights.pos_embed = make_positions(spec);
  weights.pos_is_weight = spec.positions == Positions::learned;
  // What is learned starts as the reference draws it, N(0, 0.02^2).
  if (weights.pos_is_weight && init != Init::none)
    weights.pos_embed = normal_tensor(weights.pos_embed.sizes(), 0.02, stream);
  if (spec.class_token) weights.cls_token = normal_tensor({1, 1, spec.width}, 0.02, stream);
  if (spec.input_noise > 0) {
    weights.noise_space =
        unmeasured_space(spec.noise_components > 0 ? SpaceKind::pca : SpaceKind::pixel,
                         spec.noise_components, spec.patch_values());
    weights.noise_space.variances = at::Tensor();
  }
  if (spec.registers > 0)
    weights.register_tokens = normal_tensor({1, spec.registers, spec.width}, 0.02, stream);
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
  if (weights.pos_embed.defined()) moved.pos_embed = weights.pos_embed.to(device);
  return moved;
}

double embedding_flops(const EncoderSpec& spec, double tokens) {
  return linear_flops(tokens, spec.patch_values(), spec.width);
}

double blocks_flops(const EncoderSpec& spec, double tokens) {
  double flops = 0;
  for (int i = 0; i < spec.depth; ++i)
    flops += block_flops(tokens, spec.width, spec.feed_forward_of(i));
  return flops;
}

at::Tensor pixel_tensor(std::uint8_t* pixels, std::int64_t clips, const ClipShape& shape) {
  return at::from_blob(pixels, {clips, shape.frames, shape.height, shape.width, 3}, at::kByte);
}

namespace {

// Row `row` of a patch in frame `frame` of a tubelet, to where its three channels begin.
void cut_row(const std::uint8_t* pixels, const EncoderSpec& spec, int frame, int row,
             const std::vector<float>& factors, float* values) {
  const int channel = spec.tubelet * spec.patch * spec.patch;
  values += (frame * spec.patch + row) * spec.patch;
  for (int x = 0; x < spec.patch; ++x)
    for (int c = 0; c < 3; ++c) {
      const auto k = static_cast<std::size_t>(c);
      values[c * channel + x] = static_cast<float>(pixels[3 * x + c]) * factors[k] + factors[3 + k];
    }
}

// One pass over the pixels in place of a strided copy, a conversion and two more; the same values.
at::Tensor cut_on_cpu(const at::Tensor& pixels, const EncoderSpec& spec,
                      const std::vector<float>& factors) {
  const auto b = pixels.size(0);
  at::Tensor patches = at::empty({b, spec.tokens(), spec.patch_values()}, at::kFloat);
  const std::uint8_t* from = pixels.const_data_ptr<std::uint8_t>();
  float* const to = patches.data_ptr<float>();
  for (std::int64_t frame = 0; frame < b * spec.frames; ++frame)
    for (int y = 0; y < spec.height; ++y) {
      // The first token of this row of patches; clips stand one after the other.
      const std::int64_t first =
          (frame / spec.tubelet * spec.grid_h() + y / spec.patch) * spec.grid_w();
      for (int w = 0; w < spec.grid_w(); ++w, from += 3 * spec.patch)
        cut_row(from, spec, static_cast<int>(frame % spec.tubelet), y % spec.patch, factors,
                to + (first + w) * spec.patch_values());
    }
  return patches;
}

}  // namespace

at::Tensor patchify(const at::Tensor& pixels, const EncoderSpec& spec) {
  RECORD_USER_SCOPE("patchify");
  if (pixels.dim() != 5 || pixels.size(1) != spec.frames || pixels.size(2) != spec.height ||
      pixels.size(3) != spec.image_width || pixels.size(4) != 3)
    throw InputError(
        "encoder", "clip",
        c10::str("pixels [B,", spec.frames, ",", spec.height, ",", spec.image_width, ",3]"),
        c10::str(pixels.sizes()));
  // (x/255 - mean) / deviation as one multiplication and one addition.
  std::vector<float> factors(6);
  for (std::size_t c = 0; c < 3; ++c) {
    factors[c] = static_cast<float>(1.0 / (255.0 * spec.deviation[c]));
    factors[3 + c] = static_cast<float>(-spec.mean[c] / spec.deviation[c]);
  }
  const auto b = pixels.size(0);
  if (pixels.is_cpu() && pixels.is_contiguous() && pixels.scalar_type() == at::kByte)
    return cut_on_cpu(pixels, spec, factors);
  const at::Tensor cut = pixels
                             .view({b, spec.grid_t(), spec.tubelet, spec.grid_h(), spec.patch,
                                    spec.grid_w(), spec.patch, 3})
                             .permute({0, 1, 3, 5, 7, 2, 4, 6})
                             .contiguous()
                             .view({b, spec.tokens(), 3, spec.patch_values() / 3})
                             .to(at::kFloat);
  const at::Tensor scales = queued_copy(at::tensor(factors), cut.device()).view({2, 3, 1});
  at::Tensor patches = cut;
  return patches.mul_(scales[0]).add_(scales[1]).view({b, spec.tokens(), spec.patch_values()});
}

at::Tensor patchify_normalised(const at::Tensor& clips, const EncoderSpec& spec) {
  const auto b = clips.size(0);
  return clips
      .reshape(
          {b, 3, spec.grid_t(), spec.tubelet, spec.grid_h(), spec.patch, spec.grid_w(), spec.patch})
      .permute({0, 2, 4, 6, 1, 3, 5, 7})
      .reshape({b, spec.tokens(), spec.patch_values()});
}

at::Tensor pixels_of(const at::Tensor& patches, const EncoderSpec& spec) {
  const auto per_colour = [&](const std::array<double, 3>& values) {
    return at::tensor(at::ArrayRef<double>(values.data(), 3), at::kFloat)
        .to(patches.device())
        .view({3, 1});
  };
  const auto b = patches.size(0);
  const at::Tensor values =
      patches.view({b, spec.tokens(), 3, spec.patch_values() / 3}) * per_colour(spec.deviation) +
      per_colour(spec.mean);
  return (values * 255)
      .round()
      .clamp(0, 255)
      .to(at::kByte)
      .view(
          {b, spec.grid_t(), spec.grid_h(), spec.grid_w(), 3, spec.tubelet, spec.patch, spec.patch})
      .permute({0, 1, 5, 2, 6, 3, 7, 4})
      .reshape({b, spec.frames, spec.height, spec.image_width, 3});
}

at::Tensor gather_tokens(const at::Tensor& x, const at::Tensor& indices) {
  // Rows of one long table: these are copied whole, where gather() looks up every value.
  const auto b = x.size(0), n = x.size(1), d = x.size(2);
  const at::Tensor first = at::arange(0, b * n, n, indices.options()).unsqueeze(1);
  return x.reshape({b * n, d}).index_select(0, (indices + first).flatten()).view({b, -1, d});
}

at::Tensor table_rows(const at::Tensor& table, const at::Tensor& indices) {
  return table[0].index_select(0, indices.flatten()).view({indices.size(0), indices.size(1), -1});
}

namespace {

at::Tensor positions_of(const at::Tensor& rows, const at::Tensor& kept) {
  return kept.defined() ? table_rows(rows, kept) : rows;
}

// [G,extra+K,D] before the first block, G frames or clips.
at::Tensor embed(const VitWeights& weights, const EncoderSpec& spec, const at::Tensor& patches,
                 const at::Tensor& kept) {
  at::Tensor x =
      apply_linear(weights.patch_embed, kept.defined() ? gather_tokens(patches, kept) : patches);
  // A class token has the first row of a learned table.
  const std::int64_t head = spec.class_token && weights.pos_is_weight ? 1 : 0;
  if (weights.pos_embed.defined())
    x = x + positions_of(weights.pos_embed.slice(1, head, weights.pos_embed.size(1)), kept);
  if (spec.extra_tokens() == 0) return x;
  std::vector<at::Tensor> parts;
  const auto add = [&](const at::Tensor& tokens) {
    parts.push_back(tokens.expand({x.size(0), -1, -1}));
  };
  if (spec.class_token)
    add(head == 1 ? weights.cls_token + weights.pos_embed.slice(1, 0, 1) : weights.cls_token);
  if (spec.registers > 0) add(weights.register_tokens);
  parts.push_back(x);
  return at::cat(parts, 1);
}

// The tokens asked for of x [G,extra+K,D], normed, as [B,...,D].
at::Tensor output(const VitWeights& weights, const EncoderSpec& spec, const at::Tensor& x,
                  std::int64_t batch, Tokens tokens) {
  const at::Tensor normed =
      weights.norm.weight.defined() ? apply_norm(weights.norm, x, spec.norm_eps) : x;
  const at::Tensor wanted = tokens == Tokens::all || spec.extra_tokens() == 0
                                ? normed
                                : normed.slice(1, spec.extra_tokens(), normed.size(1));
  return wanted.reshape({batch, -1, wanted.size(2)});
}

struct RunInput {
  at::Tensor kept = {};      // see encode()
  at::Tensor branches = {};  // [depth,2,B], see encode_with_branches()
  BlockTrace* trace = nullptr;
};

// Calls `after(block, x)` after every block.
template <typename After>
void run_blocks(const VitWeights& weights, const EncoderSpec& spec, const at::Tensor& patches,
                const RunInput& input, const After& after) {
  const at::Tensor &kept = input.kept, &branches = input.branches;
  if (kept.defined() && (spec.per_frame || spec.extra_tokens() > 0))
    throw InputError("encoder", "mask", "none for an encoder of images or with a class token",
                     "kept tokens");
  const at::Tensor seen =
      spec.per_frame ? patches.reshape({-1, spec.table_tokens(), patches.size(2)}) : patches;
  at::Tensor x = embed(weights, spec, seen, kept);
  Rotation rotation;
  const bool turned = spec.positions == Positions::rope_3d;
  if (turned)
    rotation = rotation_for(spec.width / spec.heads, spec.grid_t(), spec.grid_h(), spec.grid_w(),
                            kept, x.device());
  for (std::size_t i = 0; i < weights.blocks.size(); ++i) {
    at::Tensor scales = branches.defined() ? branches[static_cast<std::int64_t>(i)] : branches;
    if (scales.defined() && spec.per_frame) scales = scales.repeat_interleave(spec.frames, 1);
    x = apply_block(
        weights.blocks[i], x, spec.block(static_cast<int>(i)),
        {.rotation = turned ? &rotation : nullptr, .branches = scales, .trace = input.trace});
    after(static_cast<int>(i), x);
  }
  if (weights.blocks.empty()) after(-1, x);
}

}  // namespace

at::Tensor encode(const VitWeights& weights, const EncoderSpec& spec, const at::Tensor& patches,
                  const at::Tensor& kept, Tokens tokens, BlockTrace* trace) {
  at::Tensor last;
  run_blocks(weights, spec, patches, {.kept = kept, .trace = trace},
             [&](int, const at::Tensor& x) { last = x; });
  return output(weights, spec, last, patches.size(0), tokens);
}

at::Tensor encode_with_branches(const VitWeights& weights, const EncoderSpec& spec,
                                const at::Tensor& patches, const at::Tensor& branches) {
  at::Tensor last;
  run_blocks(weights, spec, patches, {.branches = branches},
             [&](int, const at::Tensor& x) { last = x; });
  return output(weights, spec, last, patches.size(0), Tokens::patch);
}

std::vector<at::Tensor> encode_layers(const VitWeights& weights, const EncoderSpec& spec,
                                      const at::Tensor& patches, const std::vector<int>& layers,
                                      Tokens tokens) {
  std::vector<at::Tensor> out(layers.size());
  run_blocks(weights, spec, patches, RunInput(), [&](int block, const at::Tensor& x) {
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (layers[i] == block) out[i] = output(weights, spec, x, patches.size(0), tokens);
  });
  return out;
}

}  // namespace permafrost
