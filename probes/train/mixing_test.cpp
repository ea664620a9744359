// SPDX-License-Identifier: Apache-2.0
#include "probes/train/mixing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace permafrost {
namespace mixing_test {

constexpr ClipShape kShape{2, 20, 30};

TEST(Mixing, BetaHasItsMeanAndVariance) {
  for (const double alpha : {0.3, 0.8, 1.0, 2.0}) {
    RandomStream stream({.seed = 1, .purpose = "test"});
    double sum = 0, squares = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const double x = draw_beta(alpha, stream);
      ASSERT_GE(x, 0);
      ASSERT_LE(x, 1);
      sum += x;
      squares += (x - 0.5) * (x - 0.5);
    }
    const double variance = 1 / (4 * (2 * alpha + 1));  // of Beta(a, a)
    EXPECT_NEAR(sum / kDraws, 0.5, 4 * std::sqrt(variance / kDraws));
    EXPECT_NEAR(squares / kDraws, variance, 0.05 * variance) << alpha;
  }
}

TEST(Mixing, NothingIsDrawnWhereNothingIsOn) {
  const Mix mix = draw_mix({}, kShape, 1, 1);
  EXPECT_EQ(mix.own, 1);
  EXPECT_FALSE(mix.cuts());
}

TEST(Mixing, LabelsFollowTheAreaOfTheBox) {
  int cut = 0, mixed = 0, untouched = 0;
  const MixingSpec spec{.mixup = 0.8, .cutmix = 1, .probability = 0.8, .switch_share = 0.25};
  constexpr int kSteps = 4000;
  for (int step = 0; step < kSteps; ++step) {
    const Mix mix = draw_mix(spec, kShape, 3, step);
    EXPECT_EQ(mix.own, draw_mix(spec, kShape, 3, step).own);
    EXPECT_GE(mix.top, 0);
    EXPECT_LE(mix.left + mix.width, kShape.width);
    if (mix.cuts()) {
      EXPECT_NEAR(mix.own, 1 - mix.height * mix.width / 600.0, 1e-12);
      ++cut;
    } else {
      ++(mix.own < 1 ? mixed : untouched);
    }
  }
  EXPECT_NEAR(cut / double{kSteps}, 0.8 * 0.25, 0.03);
  EXPECT_NEAR(mixed / double{kSteps}, 0.8 * 0.75, 0.03);
  EXPECT_NEAR(untouched / double{kSteps}, 0.2, 0.03);
}

TEST(Mixing, PastesTheBoxInEveryFrameAndNothingElse) {
  std::vector<std::uint8_t> pixels(kShape.bytes(), 10), partner(kShape.bytes(), 200);
  const Mix mix{.own = 0.5, .top = 3, .left = 28, .height = 4, .width = 2};
  paste(mix, kShape, partner.data(), pixels.data());
  EXPECT_EQ(std::count(pixels.begin(), pixels.end(), 200), 2 * 4 * 2 * 3);
  const auto at = [&](int t, int y, int x) {
    return pixels[static_cast<std::size_t>(((t * 20 + y) * 30 + x) * 3)];
  };
  EXPECT_EQ(at(1, 3, 28), 200);
  EXPECT_EQ(at(1, 6, 29), 200);
  EXPECT_EQ(at(0, 7, 29), 10);
  EXPECT_EQ(at(0, 3, 27), 10);
}

}  // namespace mixing_test
}  // namespace permafrost
