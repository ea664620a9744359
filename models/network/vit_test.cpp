// SPDX-License-Identifier: Apache-2.0
#include "models/network/vit.h"

#include "models/testing/toy_network.h"

namespace permafrost {
namespace vit_test {

void expect_near(const at::Tensor& values, const std::vector<double>& golden, double limit) {
  ASSERT_EQ(values.numel(), static_cast<std::int64_t>(golden.size()));
  for (std::size_t i = 0; i < golden.size(); ++i)
    EXPECT_NEAR(values[static_cast<std::int64_t>(i)].item<double>(), golden[i], limit) << i;
}

double sum_of_abs(const at::Tensor& t) { return t.abs().sum(at::kDouble).item<double>(); }

TEST(Vit, MatchesTheGoldenTokensOfTheWholeClip) {
  const at::Tensor tokens = encode(toy::encoder(), toy::encoder_spec(), toy::patches());
  ASSERT_EQ(tokens.sizes(), (std::vector<std::int64_t>{2, 8, 24}));
  expect_near(tokens[0][0].slice(0, 0, 4), {-.8046149, -.4724324, -1.2043244, -1.0607109}, 2e-6);
  expect_near(tokens[1][7].slice(0, 20, 24), {-.4792193, 1.8011971, .2595916, .7819058}, 2e-6);
  EXPECT_NEAR(sum_of_abs(tokens), 337.058469, 2e-5);
}

TEST(Vit, MatchesTheGoldenTokensOfTheContext) {
  const at::Tensor tokens =
      encode(toy::encoder(), toy::encoder_spec(), toy::patches(), toy::context());
  ASSERT_EQ(tokens.sizes(), (std::vector<std::int64_t>{2, 3, 24}));
  expect_near(tokens[0][0].slice(0, 0, 4), {-.8283921, -.4651909, -1.1793578, -1.0948818}, 2e-6);
  expect_near(tokens[1][2].slice(0, 20, 24), {1.4550687, .3244640, .5030679, 1.3141545}, 2e-6);
  EXPECT_NEAR(sum_of_abs(tokens), 125.459935, 2e-5);
}

// An encoder without blocks: embedding and norm, each token for itself.
struct Embedding {
  EncoderSpec spec = toy::encoder_spec();
  VitWeights weights = toy::encoder();
  Embedding() {
    spec.depth = 0;
    weights.blocks.clear();
  }
};

TEST(Vit, EmbedsKeptTokensAsItEmbedsAll) {
  const Embedding toy;
  const at::Tensor all = encode(toy.weights, toy.spec, toy::patches());
  const at::Tensor kept = encode(toy.weights, toy.spec, toy::patches(), toy::context());
  EXPECT_LT(largest_difference(kept, gather_tokens(all, toy::context())), 1e-6);
}

TEST(Vit, SeesOnlyKeptTokens) {
  const at::Tensor patches = toy::patches();
  const at::Tensor before = encode(toy::encoder(), toy::encoder_spec(), patches, toy::context());
  patches.scatter_add_(1, toy::target().unsqueeze(-1).expand({2, 4, 96}),
                       at::full({2, 4, 96}, 9.0));
  EXPECT_TRUE(encode(toy::encoder(), toy::encoder_spec(), patches, toy::context()).equal(before));
}

TEST(Vit, OneHotPixelChangesOnlyItsToken) {
  Embedding toy;
  toy.spec.frames = 6;
  toy.spec.height = 12;
  toy.spec.image_width = 16;  // grid 3x3x4
  const at::Tensor positions = make_vit(toy.spec, Init::normal, 0).pos_embed;
  toy.weights.pos_embed = positions;
  const at::Tensor dark = at::zeros({1, 6, 12, 16, 3}, at::kByte);
  const at::Tensor base = encode(toy.weights, toy.spec, patchify(dark, toy.spec));
  const int places[][3] = {{0, 0, 0}, {5, 11, 15}, {2, 4, 9}, {3, 7, 3}};
  for (const auto& [t, h, w] : places) {
    at::Tensor lit = dark.clone();
    lit[0][t][h][w][1] = 200;
    const at::Tensor changed =
        (encode(toy.weights, toy.spec, patchify(lit, toy.spec)) - base).abs().amax(2)[0];
    const int token = ((t / 2) * 3 + h / 4) * 4 + w / 4;
    for (int n = 0; n < toy.spec.tokens(); ++n)
      EXPECT_EQ(changed[n].item<double>() > 0, n == token) << "token " << n;
  }
}

TEST(Vit, PatchesOfPixelsAreThoseOfTheNormalisedClip) {
  EncoderSpec spec = toy::encoder_spec();
  spec.height = 12;
  const at::Tensor pixels =
      at::arange(2 * 4 * 12 * 8 * 3, at::kInt).remainder(251).to(at::kByte).view({2, 4, 12, 8, 3});
  at::Tensor clip = pixels.to(at::kDouble).permute({0, 4, 1, 2, 3}) / 255;
  for (int c = 0; c < 3; ++c) {
    const auto k = static_cast<std::size_t>(c);
    clip.select(1, c).sub_(spec.mean[k]).div_(spec.deviation[k]);
  }
  const at::Tensor copy = pixels.clone();
  const at::Tensor patches = patchify(pixels, spec);
  EXPECT_LT(largest_difference(patches, patchify_normalised(clip, spec)), 1e-6);
  EXPECT_TRUE(pixels.equal(copy));
  // (channel, frame, row, column) inside a patch: patch value 2*32 + 1*16 + 3*4 + 2 of token
  // (1,2,1).
  EXPECT_NEAR(patches[1][(1 * 3 + 2) * 2 + 1][2 * 32 + 16 + 14].item<double>(),
              clip[1][2][3][11][6].item<double>(), 1e-6);
}

TEST(Vit, PixelsComeBackFromPatches) {
  EncoderSpec spec = toy::encoder_spec();
  spec.image_width = 3 * spec.patch;
  RandomStream stream({.seed = 2, .purpose = "test"});
  at::Tensor pixels = at::empty({2, spec.frames, spec.height, spec.image_width, 3}, at::kByte);
  for (std::int64_t i = 0; i < pixels.numel(); ++i)
    pixels.data_ptr<std::uint8_t>()[i] = static_cast<std::uint8_t>(stream.integer(256));
  const at::Tensor patches = patchify(pixels, spec);
  EXPECT_TRUE(pixels_of(patches, spec).equal(pixels));
  // Beyond black and white there is nothing.
  EXPECT_TRUE(pixels_of(at::full_like(patches, -9), spec).equal(at::zeros_like(pixels)));
  EXPECT_TRUE(pixels_of(at::full_like(patches, 9), spec).equal(at::full_like(pixels, 255)));
}

TEST(Vit, RefusesClipsOfAnotherShape) {
  const std::string text = input_error_of([] {
    patchify(at::zeros({1, 4, 8, 9, 3}, at::kByte), toy::encoder_spec());
  });
  EXPECT_TRUE(contains(text, "[B,4,8,8,3]") && contains(text, "[1, 4, 8, 9, 3]")) << text;
}

TEST(Vit, LastLayerIsTheOutput) {
  const auto layers = encode_layers(toy::encoder(), toy::encoder_spec(), toy::patches(), {1, 0});
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_TRUE(layers[0].equal(encode(toy::encoder(), toy::encoder_spec(), toy::patches())));
  EncoderSpec shallow = toy::encoder_spec();
  VitWeights first = toy::encoder();
  first.blocks.pop_back();
  shallow.depth = 1;
  EXPECT_TRUE(layers[1].equal(encode(first, shallow, toy::patches())));
}

TEST(Vit, AliasesShareStorageAndClonesDoNot) {
  VitWeights weights = toy::encoder();
  VitWeights alias = alias_of(weights, true), clone = clone_of(weights);
  EXPECT_TRUE(alias.norm.bias.requires_grad());
  EXPECT_FALSE(weights.norm.bias.requires_grad());
  weights.norm.bias.fill_(3);
  EXPECT_EQ(alias.norm.bias[0].item<float>(), 3);
  EXPECT_NE(clone.norm.bias[0].item<float>(), 3);
}

TEST(Vit, StartsTheSameForASeedAndHasTheReferencesNames) {
  VitWeights one = make_vit(toy::encoder_spec(), Init::xavier, 4);
  VitWeights two = make_vit(toy::encoder_spec(), Init::xavier, 4);
  VitWeights other = make_vit(toy::encoder_spec(), Init::xavier, 5);
  EXPECT_EQ(hash_of(named_tensors(one)), hash_of(named_tensors(two)));
  EXPECT_NE(hash_of(named_tensors(one)), hash_of(named_tensors(other)));
  const NamedTensors names = named_tensors(one);
  EXPECT_EQ(names.size(), 2U + 2U * 12U + 2U);
  EXPECT_EQ(names[0].first, "patch_embed.proj.weight");
  EXPECT_EQ(names[4].first, "blocks.0.attn.qkv.weight");
  EXPECT_EQ(names.back().first, "norm.bias");
}

TEST(Vit, DrawsWeightsOfTheAskedDeviation) {
  EncoderSpec spec = toy::encoder_spec();
  spec.width = 96;
  VitWeights reference = make_vit(spec, Init::normal, 1), scaled = make_vit(spec, Init::xavier, 1);
  EXPECT_NEAR(reference.blocks[0].mlp.fc1.weight.std().item<double>(), 0.02, 5e-4);
  EXPECT_NEAR(scaled.blocks[0].mlp.fc1.weight.std().item<double>(), std::sqrt(2.0 / (96 + 384)),
              2e-3);
  EXPECT_EQ(scaled.blocks[1].qkv.bias.abs().max().item<float>(), 0);
  EXPECT_EQ(scaled.norm.weight.min().item<float>(), 1);
}

TEST(Vit, BlockOfTheLastTokensIsThatPartOfTheWholeBlock) {
  const BlockWeights weights = toy::block(24, 10);
  const at::Tensor x = fill({2, 5, 24}, 3, 1);
  const at::Tensor whole = apply_block(weights, x, {4, 1e-6});
  const at::Tensor part = apply_block(weights, x, {4, 1e-6}, {.first = 3});
  EXPECT_EQ(part.sizes(), at::IntArrayRef({2, 2, 24}));
  EXPECT_LT(largest_difference(part, whole.slice(1, 3, 5)), 1e-6);
}

}  // namespace vit_test
}  // namespace permafrost
