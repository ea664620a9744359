// SPDX-License-Identifier: Apache-2.0
// Expected values: SciPy 1.17.1 (spearmanr, kendalltau; exact p by trying every pairing).
#include "bench/statistics/statistics_ranks.h"

#include <gtest/gtest.h>

#include "bench/statistics/statistics.h"
#include "common/error.h"
#include "common/random.h"
#include "datasets/measures/average_precision.h"

namespace permafrost {
namespace statistics_ranks_test {

TEST(StatisticsRanks, EqualValuesShareTheirRank) {
  EXPECT_EQ(midranks({10, 30, 20, 30}), (std::vector<double>{1, 3.5, 2, 3.5}));
}

TEST(StatisticsRanks, CorrelationsAgreeWithSciPy) {
  const std::vector<double> a{1, 2, 3, 4, 5, 6, 7}, b{2, 1, 4, 3, 7, 5, 6};
  EXPECT_NEAR(spearman(a, b)->value, 0.8214285714285715, 1e-12);
  EXPECT_NEAR(spearman(a, b)->p, 0.034126984126984124, 1e-12);
  EXPECT_NEAR(kendall(a, b)->value, 0.6190476190476191, 1e-12);
  EXPECT_NEAR(kendall(a, b)->p, 0.06904761904761905, 1e-12);
}

TEST(StatisticsRanks, TiedCorrelationsAgreeWithSciPy) {
  const std::vector<double> a{1, 2, 2, 3, 5, 4, 7}, b{2, 1, 4, 4, 5, 6, 6};
  EXPECT_NEAR(spearman(a, b)->value, 0.8532469179729296, 1e-12);
  EXPECT_NEAR(spearman(a, b)->p, 0.020634920634920634, 1e-12);
  EXPECT_NEAR(kendall(a, b)->value, 0.7181848464596078, 1e-12);
  EXPECT_NEAR(kendall(a, b)->p, 0.03650793650793651, 1e-12);
}

TEST(StatisticsRanks, FourRowsCannotBeSignificant) {
  const std::vector<double> ours{39.3, 36.0, 39.1, 35.7}, paper{51.5, 61.3, 71.9, 72.9};
  EXPECT_NEAR(spearman(ours, paper)->value, -0.8, 1e-12);
  EXPECT_NEAR(spearman(ours, paper)->p, 1.0 / 3, 1e-12);
  EXPECT_NEAR(kendall(ours, paper)->value, -2.0 / 3, 1e-12);
  EXPECT_NEAR(spearman(paper, paper)->p, 2.0 / 24, 1e-12);
}

TEST(StatisticsRanks, ManyRowsArePairedAtRandom) {
  std::vector<double> a, b{5, 0, 3, 8, 4, 6, 1, 10, 7, 2, 11, 9};
  for (int i = 0; i < 12; ++i) a.push_back(i);
  EXPECT_FALSE(spearman(a, b)->exact);
  EXPECT_NEAR(spearman(a, b)->value, 0.5034965034965035, 1e-12);
  EXPECT_NEAR(spearman(a, b)->p, 0.0952, 0.01);  // SciPy's t approximation
  EXPECT_NEAR(kendall(a, b)->value, 0.3636363636363636, 1e-12);
  EXPECT_NEAR(kendall(a, b)->p, 0.11595, 0.01);  // SciPy, exact
}

TEST(StatisticsRanks, FewOrConstantValuesHaveNoOrder) {
  EXPECT_FALSE(spearman({1, 2}, {1, 2}).has_value());
  EXPECT_FALSE(kendall({}, {}).has_value());
  EXPECT_FALSE(kendall({1, 1, 1}, {1, 2, 3}).has_value());
  EXPECT_THROW(spearman({1, 2, 3}, {1, 2}), Error);
}

// The interval that the values give, against one that ranks every resample anew.
TEST(MeanAveragePrecision, IntervalsAreAboutThoseOfTheFullBootstrap) {
  constexpr int kSamples = 600, kClasses = 4, kRounds = 400;
  RandomStream stream({.seed = 3, .purpose = "test"});
  std::vector<std::vector<float>> scores;
  std::vector<Target> labels;
  for (int i = 0; i < kSamples; ++i) {
    labels.push_back(i % kClasses);
    auto& row = scores.emplace_back();
    for (int c = 0; c < kClasses; ++c)
      row.push_back(stream.normal() + (c == i % kClasses ? 1.F : 0));
  }
  const Interval held = bootstrap_interval(average_precision_values(scores, labels), {}, {0, 1});
  std::vector<double> anew;
  for (int r = 0; r < kRounds; ++r) {
    std::vector<std::vector<float>> drawn;
    std::vector<Target> classes;
    for (int i = 0; i < kSamples; ++i) {
      const auto k = stream.integer(kSamples);
      drawn.push_back(scores[k]);
      classes.push_back(labels[k]);
    }
    anew.push_back(mean_of(average_precision_values(drawn, classes)));
  }
  const double full = 2 * 1.96 * deviation_of(anew);
  RecordProperty("ratio", std::to_string((held.high - held.low) / full));
  EXPECT_NEAR((held.high - held.low) / full, 1, 0.15);
}

}  // namespace statistics_ranks_test
}  // namespace permafrost
