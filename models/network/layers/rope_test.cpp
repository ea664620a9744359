// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/rope.h"

#include "models/network/position.h"
#include "models/testing/toy_network.h"

namespace permafrost {
namespace rope_test {

// Values of reference/V-JEPA 2 computed by an independent implementation.
TEST(Rope, MatchesTheGoldenVector) {
  // 32 channels: the first 10 turn with t; position 3 on an 8x1x1 grid.
  const Rotation rotation = rotation_for(32, 8, 1, 1, {}, at::kCPU);
  at::Tensor x = at::zeros({1, 1, 8, 32});
  for (int i = 0; i < 10; ++i) x[0][0][3][i] = 0.1 * (i + 1);
  const at::Tensor turned = rotated(x, rotation)[0][0][3];
  const double golden[] = {-.1272233, .2235912, .2690345, .4035543, .4988634,
                           -.5234355, .2561514, .8504294, .8879929, 1.0017018};
  for (int i = 0; i < 10; ++i) EXPECT_NEAR(turned[i].item<double>(), golden[i], 2e-7) << i;
}

TEST(Rope, LeavesTheTailAndPositionZeroAlone) {
  for (const int channels : {14, 32, 64, 80, 88}) {
    const Rotation rotation = rotation_for(channels, 2, 3, 4, {}, at::kCPU);
    const at::Tensor x = fill({2, 3, 24, channels}, 1, 1);
    const at::Tensor turned = rotated(x, rotation);
    const int tail = channels - 3 * (2 * (channels / 3 / 2));
    EXPECT_TRUE(turned.slice(3, channels - tail).equal(x.slice(3, channels - tail))) << channels;
    EXPECT_TRUE(turned.select(2, 0).equal(x.select(2, 0))) << channels;
    EXPECT_FALSE(turned.select(2, 23).equal(x.select(2, 23))) << channels;
  }
}

TEST(Rope, KeptTokensTurnAsTheyDoAmongAll) {
  const Rotation all = rotation_for(14, 2, 2, 3, {}, at::kCPU);
  const at::Tensor kept = at::tensor({7, 1, 11, 4}, at::kLong).view({2, 2});
  const Rotation some = rotation_for(14, 2, 2, 3, kept, at::kCPU);
  for (int b = 0; b < 2; ++b)
    EXPECT_TRUE(some.cos[b][0].equal(all.cos[0][0].index_select(0, kept[b])));
}

TEST(Rope, RefusesAnOddNumberOfChannels) {
  EXPECT_THROW(rotation_for(15, 1, 1, 1, {}, at::kCPU), InputError);
}

// The toy of reference/V-JEPA 2: a grid that is not square, whole and masked.
struct RotaryToy {
  EncoderSpec spec;
  VitWeights weights;
  at::Tensor patches;
  RotaryToy() {
    spec.positions = Positions::rope_3d;
    spec.width = 28;
    spec.depth = 2;
    spec.heads = 2;
    spec.patch = 4;
    spec.frames = 4;
    spec.height = 8;
    spec.image_width = 12;
    weights = make_vit(spec, Init::normal, 0);
    weights.patch_embed = {fill({28, 96}, 5, 0.1), fill({28}, 6, 0.05)};
    weights.blocks = {toy::block(28, 60), toy::block(28, 70)};
    weights.norm = toy::norm(28, 7, 8);
    patches = patchify_normalised(fill({1, 3, 4, 8, 12}, 0, 1), spec);
  }
};

void expect_values(const at::Tensor& values, const std::vector<double>& golden) {
  for (std::size_t i = 0; i < golden.size(); ++i)
    EXPECT_NEAR(values[static_cast<std::int64_t>(i)].item<double>(), golden[i], 3e-6) << i;
}

TEST(Rope, EncoderMatchesTheGoldenTokens) {
  const RotaryToy toy;
  const at::Tensor all = encode(toy.weights, toy.spec, toy.patches);
  ASSERT_EQ(all.sizes(), (std::vector<std::int64_t>{1, 12, 28}));
  expect_values(all[0][0].slice(0, 0, 4), {1.7502768, -.9643279, -.4432529, .8615829});
  expect_values(all[0][11].slice(0, 24, 28), {-.7514068, 1.4120058, -1.1886750, .3014540});
  EXPECT_NEAR(all.abs().sum(at::kDouble).item<double>(), 284.125005, 3e-5);
  const at::Tensor kept = at::tensor({1, 4, 7, 8, 11}, at::kLong).view({1, 5});
  const at::Tensor some = encode(toy.weights, toy.spec, toy.patches, kept);
  expect_values(some[0][0].slice(0, 0, 4), {-.2627941, -.2365043, .8877365, -.9918537});
  expect_values(some[0][4].slice(0, 24, 28), {-.7281515, 1.4059439, -1.2034560, .3258889});
  EXPECT_NEAR(some.abs().sum(at::kDouble).item<double>(), 118.775854, 2e-5);
}

// Tables of reference/VideoMAE.
TEST(Sinusoid, MatchesTheGoldenTable) {
  const struct {
    int tokens, width;
    double second, third, last, sum;
  } golden[] = {{1568, 768, .5253733, .8772550, .9976811, 245744.989567},
                {1568, 384, .5253733, -.6809534, .9975672, 122425.857873},
                {2048, 1408, .5253733, .2341160, .9977311, 543941.739872}};
  for (const auto& g : golden) {
    const at::Tensor table = sinusoid_positions(g.width, g.tokens);
    EXPECT_NEAR(table[0][665][0].item<double>(), -.8508719, 1e-7);
    EXPECT_NEAR(table[0][665][1].item<double>(), g.second, 1e-7);
    EXPECT_NEAR(table[0][665][2].item<double>(), g.third, 1e-7);
    EXPECT_NEAR(table[0][665][g.width - 1].item<double>(), g.last, 1e-7);
    EXPECT_NEAR(table.sum(at::kDouble).item<double>(), g.sum, 1e-4 * g.tokens / 1000);
  }
}

// DINOv2: a 5x5 table at 3x4, weights by formula (row 0 is the class token's).
TEST(ResizedPositions, MatchDinov2sOwnRules) {
  EncoderSpec from;
  from.family = "dinov2";
  from.width = 16;
  from.patch = 2;
  from.tubelet = from.frames = 1;
  from.height = from.image_width = 10;
  from.positions = Positions::learned;
  from.per_frame = from.class_token = true;
  // The reference's formula: 0.1 * sin(0.7 i + 1.3 rank), the rank of pos_embed among its sorted
  // keys.
  constexpr double kRank = 34;
  at::Tensor table = at::empty({1, 26, 16}, at::kDouble);
  for (int i = 0; i < 26 * 16; ++i) table.view({-1})[i] = 0.1 * std::sin(0.7 * i + 1.3 * kRank);
  const struct {
    TableResize rule;
    double first, second, third, last, sum, squares;
  } golden[] = {
      {TableResize::bicubic_offset, -.0911802, -.0584824, .0017205, .0740249, .015145, .879650},
      {TableResize::bicubic_antialias, -.0922065, -.0714807, -.0171364, .0781998, .033582,
       .778007}};
  for (const auto& g : golden) {
    EncoderSpec to = from;
    from.table_resize = to.table_resize = g.rule;
    to.height = 6;
    to.image_width = 8;
    const at::Tensor rows = resized_positions(table.to(at::kFloat), from, to).slice(1, 1);
    ASSERT_EQ(rows.size(1), 12);
    EXPECT_NEAR(rows[0][0][0].item<double>(), g.first, 2e-7);
    EXPECT_NEAR(rows[0][0][1].item<double>(), g.second, 2e-7);
    EXPECT_NEAR(rows[0][0][2].item<double>(), g.third, 2e-7);
    EXPECT_NEAR(rows[0][11][15].item<double>(), g.last, 2e-7);
    EXPECT_NEAR(rows.sum(at::kDouble).item<double>(), g.sum, 2e-6);
    EXPECT_NEAR(rows.square().sum(at::kDouble).item<double>(), g.squares, 2e-6);
  }
}

}  // namespace rope_test
}  // namespace permafrost
