// SPDX-License-Identifier: Apache-2.0
// The denoiser's network and the encoders that are made of it; the reference's numbers are in
// models/parity.
#include "models/network/denoiser/denoiser.h"

#include "models/network/denoiser/fold.h"
#include "models/network/denoiser/noise.h"
#include "models/testing/parity_support.h"
#include "models/testing/toy_denoiser.h"

namespace permafrost {
namespace denoiser_test {

TEST(Denoiser, BeginsWithBlocksThatPassOnAndAnAnswerOfZero) {
  const DenoiserSpec spec = toy::denoiser_spec();
  const DenoiserWeights weights = make_denoiser(spec, Init::xavier, 3);
  const at::Tensor patches = toy::denoiser_patches(spec), times = at::tensor({30.0F, 700.0F});
  std::vector<at::Tensor> states;
  const at::Tensor answer = apply_denoiser(weights, spec, patches, times, {.states = &states});
  EXPECT_EQ(answer.sizes(), at::IntArrayRef({2, spec.network.tokens(), 5}));
  EXPECT_EQ(answer.abs().max().item<float>(), 0);
  const at::Tensor embedded =
      at::linear(patches, weights.patch_embed.weight, weights.patch_embed.bias) + weights.pos_embed;
  ASSERT_EQ(states.size(), 3U);
  for (const auto& state : states) EXPECT_LT(largest_difference(state, embedded), 1e-5);
}

TEST(Denoiser, IsToldTheTimeOfEveryClip) {
  const DenoiserSpec spec = toy::denoiser_spec();
  const DenoiserWeights weights = toy::denoiser(spec);
  const at::Tensor patches = toy::denoiser_patches(spec);
  const at::Tensor both = apply_denoiser(weights, spec, patches, at::tensor({30.0F, 700.0F}));
  const at::Tensor early = apply_denoiser(weights, spec, patches, at::tensor({30.0F, 30.0F}));
  EXPECT_LT(largest_difference(both[0], early[0]), 1e-5);
  EXPECT_GT(relative(both[1], early[1]), 1e-3);
}

TEST(Denoiser, SinusoidsBeginWithCosinesAndEndWithZeroWhereOdd) {
  const at::Tensor waves = time_sinusoid(at::tensor({0.0F, 2.5F}), 5);
  ASSERT_EQ(waves.sizes(), at::IntArrayRef({2, 5}));
  const double slow = 2.5 * std::pow(10000.0, -0.5);
  const double expected[] = {std::cos(2.5), std::cos(slow), std::sin(2.5), std::sin(slow), 0};
  for (int k = 0; k < 5; ++k) {
    EXPECT_NEAR(waves[1][k].item<double>(), expected[k], 1e-6) << k;
    EXPECT_EQ(waves[0][k].item<double>(), k < 2 ? 1 : 0) << k;
  }
}

// denoise() goes through the space and back, and answers in float32.
TEST(Denoiser, ReadsPatchesAndAnswersInCoordinates) {
  const DenoiserSpec spec = toy::denoiser_spec();
  DenoiserWeights weights = toy::denoiser(spec);
  const PatchSpace space =
      measured_space(SpaceKind::pca, 5, toy::denoiser_patches(spec).flatten(0, 1), "test");
  const at::Tensor x = to_coordinates(space, toy::denoiser_patches(spec));
  const at::Tensor times = at::tensor({30.0F, 700.0F});
  const at::Tensor answer = denoise(weights, spec, space, x, times);
  EXPECT_LT(relative(answer, apply_denoiser(weights, spec, to_patches(space, x), times)), 1e-6);
  visit(weights, [](const std::string&, at::Tensor& t) { t = t.to(at::kBFloat16); });
  visit_tables(weights, [](const std::string&, at::Tensor& t) { t = t.to(at::kBFloat16); });
  const at::Tensor half = denoise(weights, spec, space, x, times);
  EXPECT_EQ(half.scalar_type(), at::kFloat);
  EXPECT_LT(relative(half, answer), 0.05);
}

TEST(Denoiser, RefusesNetworksThatItIsNot) {
  const auto refusal = [](auto change) {
    EncoderSpec network;
    change(network);
    return input_error_of([&] { require_denoiser_network(network, "a.json"); });
  };
  EXPECT_EQ(refusal([](EncoderSpec& s) { s.class_token = true; }),
            "a.json: class_token: expected false of a denoiser, found true");
  EXPECT_TRUE(contains(refusal([](EncoderSpec& s) { s.layer_scale = true; }), "layer_scale"));
  EXPECT_TRUE(contains(refusal([](EncoderSpec& s) { s.per_frame = true; }), "per_frame"));
  EXPECT_TRUE(
      contains(refusal([](EncoderSpec& s) { s.positions = Positions::learned; }), "positions"));
}

// What is frozen is the same function as the network at that time.
TEST(FoldedDenoiser, SaysWhatTheNetworkSays) {
  for (const Parametrisation parametrisation : {Parametrisation::flow, Parametrisation::eps})
    for (const Positions positions : {Positions::sincos_3d, Positions::rope_3d}) {
      DenoiserSpec spec = toy::denoiser_spec(parametrisation);
      spec.network.positions = positions;
      if (positions == Positions::rope_3d) {  // whatever the feed-forward layers are
        spec.network.routing = {.experts = 4, .chosen = 2};
        spec.network.expert_blocks = {1};
      }
      const DenoiserWeights weights = toy::denoiser(spec);
      const at::Tensor patches = toy::denoiser_patches(spec);
      for (const double tau : {0.0, 0.1, 0.55, 1.0}) {
        const auto time = static_cast<float>(level_at(spec, tau).time);
        const at::Tensor times = at::full({2}, time);
        std::vector<at::Tensor> states;
        apply_denoiser(weights, spec, patches, times, {.states = &states});
        for (int blocks = 1; blocks <= 3; ++blocks) {
          const FoldedEncoder frozen = folded(weights, spec, tau, blocks, "test");
          const at::Tensor expected = at::layer_norm(states[static_cast<std::size_t>(blocks) - 1],
                                                     {24}, {}, {}, spec.network.norm_eps);
          EXPECT_LT(relative(encode(frozen.weights, frozen.spec, patches), expected), 1e-6)
              << tau << " " << blocks;
        }
        EXPECT_LT(relative(denoiser_features(weights, spec, patches, times),
                           at::layer_norm(states[2], {24}, {}, {}, spec.network.norm_eps)),
                  1e-7);
      }
      const auto at_tau = [&](double tau) {
        const FoldedEncoder frozen = folded(weights, spec, tau, 3, "test");
        return encode(frozen.weights, frozen.spec, patches);
      };
      EXPECT_GT(relative(at_tau(0.1), at_tau(0.6)), 1e-3);
    }
}

TEST(FoldedDenoiser, IsAnOrdinarySpec) {
  const DenoiserSpec spec = toy::denoiser_spec();
  FoldedEncoder frozen = folded(toy::denoiser(spec), spec, 0.1, 2, "test");
  const EncoderSpec read = read_encoder_spec(to_json(frozen.spec), "test");
  EXPECT_EQ(read.depth, 2);
  EXPECT_TRUE(read.layer_scale && read.final_norm);
  VitWeights usual = make_vit(read, Init::xavier, 0);
  const NamedTensors expected = named_tensors(usual), found = named_tensors(frozen.weights);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].first, expected[i].first);
    EXPECT_EQ(found[i].second.sizes(), expected[i].second.sizes()) << found[i].first;
  }
}

TEST(FoldedDenoiser, RefusesLevelsAndBlocksThatAreNotThere) {
  const DenoiserSpec spec = toy::denoiser_spec();
  const DenoiserWeights weights = toy::denoiser(spec);
  const auto refusal = [&](double tau, int blocks) {
    return input_error_of([&] { folded(weights, spec, tau, blocks, "--encoder"); });
  };
  EXPECT_EQ(refusal(1.5, 1), "--encoder: time: expected a noise level from 0 to 1, found 1.5");
  EXPECT_TRUE(contains(refusal(-0.1, 1), "found -0.1"));
  EXPECT_TRUE(contains(refusal(std::nan(""), 1), "time"));
  EXPECT_EQ(refusal(0.1, 4), "--encoder: blocks: expected 1 to 3, which the denoiser has, found 4");
  EXPECT_TRUE(contains(refusal(0.1, 0), "found 0"));
}

TEST(Denoiser, CountsItsArithmetic) {
  DenoiserSpec spec = toy::denoiser_spec();
  const double tokens = 8, width = 24;
  const double block = 2 * tokens * (12 * width * width + 2 * tokens * width);
  const double condition = 2 * (256 * width + width * width + (6 * 3 + 2) * width * width);
  EXPECT_EQ(denoiser_flops(spec), 3 * block + condition + 2 * tokens * width * 5);
  EXPECT_EQ(denoiser_embedding_flops(spec), 2 * tokens * 96 * width);
}

}  // namespace denoiser_test
}  // namespace permafrost
