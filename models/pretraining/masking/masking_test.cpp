// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/masking/masking.h"

#include <map>
#include <set>

#include "models/testing/test_support.h"

namespace permafrost {
namespace masking_test {

constexpr TokenGrid kPico{4, 6, 6}, kPaper{8, 14, 14};

// [B,tokens]: 1 where the token is listed.
at::Tensor listed(const at::Tensor& indices, const TokenGrid& grid) {
  return at::zeros({indices.size(0), grid.tokens()}).scatter_(1, indices, 1.0);
}

bool ascending(const at::Tensor& indices) { return (indices.diff(1, 1) > 0).all().item<bool>(); }

std::vector<Mask> drawn(const std::string& name, const TokenGrid& grid, int batch,
                        std::uint64_t step) {
  return draw_masks(mask_strategy(name, "test"), grid, batch, 3, step);
}

TEST(Masking, ContextAndTargetAreDisjointAndAscending) {
  for (const std::string name : {"multiblock", "causal_multiblock(6)", "causal_multiblock(12)",
                                 "random_tube(0.9)", "random_tube(0.5)"})
    for (const auto& grid : {kPico, kPaper})
      for (std::uint64_t step = 1; step <= 10; ++step)
        for (const auto& mask : drawn(name, grid, 6, step)) {
          EXPECT_TRUE(ascending(mask.context) && ascending(mask.target)) << name;
          EXPECT_GE(mask.context.min().item<std::int64_t>(), 0);
          EXPECT_LT(mask.target.max().item<std::int64_t>(), grid.tokens());
          const at::Tensor both = listed(mask.context, grid) + listed(mask.target, grid);
          EXPECT_LE(both.max().item<float>(), 1) << name;
          EXPECT_GT(mask.context.size(1), 0);
          EXPECT_GT(mask.target.size(1), 0);
        }
}

TEST(Masking, CoversTheGridWhenNothingIsCutToStack) {
  for (const std::string name : {"multiblock", "causal_multiblock(6)", "random_tube(0.9)"})
    for (std::uint64_t step = 1; step <= 10; ++step)
      for (const auto& mask : drawn(name, kPico, 1, step))
        EXPECT_EQ(mask.context.size(1) + mask.target.size(1), kPico.tokens()) << name;
}

TEST(Masking, MultiblockIsTheSameAtAllTimes) {
  for (std::uint64_t step = 1; step <= 20; ++step)
    for (const auto& mask : drawn("multiblock", kPaper, 1, step)) {
      const at::Tensor over_time = listed(mask.context, kPaper).view({8, 196});
      EXPECT_TRUE(over_time.eq(over_time[0]).all().item<bool>());
    }
}

TEST(Masking, CausalContextIsEarlyAndEverythingLateIsTarget) {
  const std::map<std::string, double> shares{{"causal_multiblock(6)", 0.375},
                                             {"causal_multiblock(12)", 0.75},
                                             {"causal_multiblock(1)", 0.0625}};
  for (const auto& [name, share] : shares)
    for (const auto& grid : {kPico, kPaper}) {
      const int seen = std::max(1, static_cast<int>(grid.t * share)), places = grid.h * grid.w;
      for (std::uint64_t step = 1; step <= 10; ++step) {
        for (const auto& mask : drawn(name, grid, 4, step))
          EXPECT_LT(mask.context.max().item<std::int64_t>(), seen * places) << name;
        for (const auto& mask : drawn(name, grid, 1, step))
          EXPECT_EQ(
              listed(mask.target, grid).slice(1, seen * places, grid.tokens()).min().item<float>(),
              1)
              << name;
      }
    }
}

TEST(Masking, CausalBlocksAreTheMultiblockOnesCutInTime) {
  const auto whole = drawn("multiblock", kPaper, 1, 5),
             early = drawn("causal_multiblock(6)", kPaper, 1, 5);
  for (std::size_t m = 0; m < 2; ++m)
    EXPECT_TRUE(listed(early[m].context, kPaper)
                    .slice(1, 0, 3 * 196)
                    .equal(listed(whole[m].context, kPaper).slice(1, 0, 3 * 196)));
}

TEST(Masking, TubesKeepTheSamePlacesAtAllTimes) {
  for (const auto& [grid, keep] : {std::pair{kPico, 3}, std::pair{kPaper, 19}})
    for (std::uint64_t step = 1; step <= 5; ++step) {
      const auto masks = drawn("random_tube(0.9)", grid, 3, step);
      ASSERT_EQ(masks.size(), 1U);
      EXPECT_EQ(masks[0].context.size(1), keep * grid.t);
      EXPECT_EQ(masks[0].target.size(1), grid.tokens() - keep * grid.t);
      const at::Tensor over_time = listed(masks[0].context, grid).view({3, grid.t, -1});
      EXPECT_TRUE(over_time.eq(over_time.slice(1, 0, 1)).all().item<bool>());
    }
}

TEST(Masking, IsAFunctionOfSeedAndStep) {
  const MaskStrategy strategy = mask_strategy("multiblock", "test");
  const auto same = [&](std::uint64_t seed, std::uint64_t step) {
    const auto one = draw_masks(strategy, kPaper, 4, 1, 1);
    const auto two = draw_masks(strategy, kPaper, 4, seed, step);
    return one[0].context.equal(two[0].context) && one[1].target.equal(two[1].target);
  };
  EXPECT_TRUE(same(1, 1));
  EXPECT_FALSE(same(1, 2));
  EXPECT_FALSE(same(2, 1));
  // The first samples of a larger batch are those of a smaller one, before the cut.
  const auto one = draw_masks(strategy, kPaper, 1, 1, 1),
             many = draw_masks(strategy, kPaper, 9, 1, 1);
  for (std::size_t m = 0; m < 2; ++m)
    EXPECT_TRUE(many[m].context[0].equal(one[m].context[0].slice(0, 0, many[m].context.size(1))));
}

TEST(Masking, OneBlockOfABatchHasOneSizeWithinTheRules) {
  MaskConfig config;
  config.num_blocks = 1;
  std::set<std::pair<int, int>> sizes;
  for (std::uint64_t step = 1; step <= 40; ++step) {
    const Mask mask = draw_masks({"one block", {config}}, kPaper, 8, 1, step)[0];
    // One block, all time: every sample has as many targets, so nothing was cut.
    EXPECT_EQ(mask.context.size(1) + mask.target.size(1), kPaper.tokens());
    const at::Tensor first = listed(mask.target, kPaper).view({8, 8, 14, 14}).select(1, 0);
    const at::Tensor heights = first.amax(2).sum(1), widths = first.amax(1).sum(1);
    EXPECT_TRUE(heights.eq(heights[0]).all().item<bool>());
    EXPECT_TRUE(widths.eq(widths[0]).all().item<bool>());
    const int h = heights[0].item<int>(), w = widths[0].item<int>();
    EXPECT_EQ(mask.target.size(1), 8 * h * w);
    EXPECT_TRUE(h >= 5 && h <= 7 && w >= 4 && w <= 6)
        << h << "x" << w;  // area 29, aspect 3/4 to 3/2
    sizes.insert({h, w});
  }
  EXPECT_GT(sizes.size(), 2U);
}

TEST(Masking, BothMasksOfAStepShareTheAspectRatio) {
  MaskConfig small, large;
  small.num_blocks = large.num_blocks = 1;
  large.spatial_scale[0] = large.spatial_scale[1] = 0.6;
  for (std::uint64_t step = 1; step <= 20; ++step) {
    double aspect[2];
    const auto masks = draw_masks({"two", {small, large}}, {2, 60, 60}, 1, 1, step);
    for (int m = 0; m < 2; ++m) {
      const at::Tensor block =
          listed(masks[static_cast<std::size_t>(m)].target, {2, 60, 60}).view({2, 60, 60})[0];
      aspect[m] = block.amax(1).sum().item<double>() / block.amax(0).sum().item<double>();
    }
    EXPECT_NEAR(aspect[0], aspect[1], 0.12);
  }
}

TEST(Masking, AtMostMaxKeepContextTokensAreKept) {
  MaskConfig free, few;
  few.max_keep = 100;
  for (std::uint64_t step = 1; step <= 10; ++step) {
    const Mask whole = draw_masks({"free", {free}}, kPaper, 4, 1, step)[0];
    const Mask cut = draw_masks({"few", {few}}, kPaper, 4, 1, step)[0];
    ASSERT_GT(whole.context.size(1), 100);
    EXPECT_TRUE(cut.context.equal(whole.context.slice(1, 0, 100)));
    EXPECT_TRUE(cut.target.equal(whole.target));
  }
}

TEST(Masking, NamesWhatItDoesNotKnow) {
  const auto text_of = [](const std::string& name) {
    return input_error_of([&] { mask_strategy(name, "a.json"); });
  };
  EXPECT_EQ(text_of("blocks"),
            "a.json: masking: expected multiblock, multiblock_short, multiblock_long, "
            "causal_multiblock(FRAMES) or random_tube(RATIO), found \"blocks\"");
  for (const std::string name :
       {"causal_multiblock(0)", "causal_multiblock(17)", "causal_multiblock(-2)",
        "causal_multiblock()", "causal_multiblock(six)", "causal_multiblock(6", "random_tube(0)",
        "random_tube(1)", "random_tube(0.9x)", "random_tube(nan)", "causal_multiblock(nan)",
        "causal_multiblock(inf)", "multiblock ", ""})
    EXPECT_TRUE(contains(text_of(name), "a.json: masking: expected ") &&
                contains(text_of(name), "\"" + name + "\""))
        << name;
}

TEST(Masking, ShortAndLongAreTheMasksOfMultiblockAlone) {
  const auto both = mask_strategy("multiblock", "test").masks;
  const auto close = mask_strategy("multiblock_short", "test").masks,
             far = mask_strategy("multiblock_long", "test").masks;
  ASSERT_EQ(close.size(), 1U);
  ASSERT_EQ(far.size(), 1U);
  EXPECT_EQ(close[0].num_blocks, both[0].num_blocks);
  EXPECT_EQ(close[0].spatial_scale[0], both[0].spatial_scale[0]);
  EXPECT_EQ(far[0].num_blocks, both[1].num_blocks);
  EXPECT_EQ(far[0].spatial_scale[0], both[1].spatial_scale[0]);
  // The first mask draws the same places whatever follows it.
  EXPECT_TRUE(drawn("multiblock_short", kPaper, 3, 2)[0].context.equal(
      drawn("multiblock", kPaper, 3, 2)[0].context));
  // Two large blocks leave less to see than eight small ones.
  EXPECT_LT(drawn("multiblock_long", kPaper, 4, 1)[0].context.size(1),
            drawn("multiblock_short", kPaper, 4, 1)[0].context.size(1));
}

TEST(Masking, SaysWhenTheGridIsTooSmall) {
  MaskConfig all;
  all.spatial_scale[0] = all.spatial_scale[1] = 1.0;
  all.aspect_ratio[0] = all.aspect_ratio[1] = 1.0;
  const std::string text = input_error_of([&] { draw_masks({"all", {all}}, {2, 4, 4}, 1, 1, 1); });
  EXPECT_TRUE(contains(text, "too small")) << text;
}

}  // namespace masking_test
}  // namespace permafrost
