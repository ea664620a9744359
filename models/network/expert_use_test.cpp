// SPDX-License-Identifier: Apache-2.0
#include "models/network/expert_use.h"

#include <ATen/ATen.h>

#include <cmath>

#include "common/error.h"
#include "common/random.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace expert_use_test {

// Clips of a grid of 2 x 1 x 2 tokens; a token's choices, best first.
RoutedTokens routed(const std::vector<std::int64_t>& chosen, std::int64_t clips, std::int64_t k,
                    std::int64_t experts) {
  const at::Tensor choices = at::tensor(at::ArrayRef<std::int64_t>(chosen)).view({clips, 4, k});
  return {.probabilities = at::one_hot(choices.select(2, 0), experts).to(at::kFloat),
          .chosen = choices};
}

TEST(ExpertUse, CountsLoadsOfAllChoices) {
  ExpertUse use(4, {2, 1, 2});
  use.add(routed({0, 1, 0, 1, 0, 1, 0, 2}, 1, 2, 4));
  EXPECT_EQ(use.load(), (std::vector<double>{0.5, 0.375, 0.125, 0}));
  EXPECT_EQ(use.largest_load(), 2);
  EXPECT_EQ(use.dead(), 1);
  EXPECT_EQ(use.entropy(), 0);  // every token is sure
  EXPECT_EQ(use.entropy_of_mean(), 0);
}

TEST(ExpertUse, KnowsWhatTheFirstChoiceFollows) {
  // By frame: tokens 0, 1 of a clip to expert 0, tokens 2, 3 to expert 1.
  ExpertUse by_frame(2, {2, 1, 2}), by_place(2, {2, 1, 2}), by_label(2, {2, 1, 2});
  for (int i = 0; i < 2000; ++i) {
    by_frame.add(routed({0, 0, 1, 1}, 1, 1, 2));
    by_place.add(routed({0, 1, 0, 1}, 1, 1, 2));
    by_label.add(routed({0, 0, 0, 0, 1, 1, 1, 1}, 2, 1, 2), {3, 1});
  }
  EXPECT_NEAR(by_frame.information_on_frame(), 1, 1e-3);
  EXPECT_EQ(by_frame.information_on_place(), 0);
  EXPECT_NEAR(by_frame.entropy_of_mean(), 1, 1e-9);
  EXPECT_NEAR(by_place.information_on_place(), 1, 1e-3);
  EXPECT_EQ(by_place.information_on_frame(), 0);
  EXPECT_NEAR(by_label.information_on_label(), 1, 1e-3);
  EXPECT_EQ(by_label.by_label().size(), 4U);
  EXPECT_EQ(by_label.by_label()[3], (std::vector<double>{8000, 0}));
}

// Of independent things next to nothing is left, however few pairs there are.
TEST(ExpertUse, TakesOffWhatChanceGives) {
  std::vector<double> found;
  for (std::uint64_t run = 0; run < 50; ++run) {
    RandomStream stream({.seed = 1, .purpose = "test", .sample = run});
    CountTable table(8, std::vector<double>(8));
    for (int i = 0; i < 400; ++i) ++table[stream.bits() % 8][stream.bits() % 8];
    found.push_back(mutual_information(table));
  }
  double mean = 0;
  for (const double one : found) mean += one / 50;
  EXPECT_LT(mean, 0.02);  // 0.09 of it would be chance
  EXPECT_EQ(mutual_information({{0, 0}, {0, 0}}), 0);
}

TEST(ExpertUse, RefusesOtherTokens) {
  ExpertUse use(4, {2, 1, 3});
  EXPECT_THROW(use.add(routed({0, 0, 1, 1}, 1, 1, 4)), Error);
  EXPECT_THROW(ExpertUse(0, {1, 1, 1}), Error);
}

}  // namespace expert_use_test
}  // namespace permafrost
