// SPDX-License-Identifier: Apache-2.0
// Expected values: scikit-learn 1.9.1 (average_precision_score), SciPy 1.17.1 (spearmanr,
// kendalltau; exact p by trying every pairing).
#include "bench/statistics/statistics_ranks.h"

#include <gtest/gtest.h>

#include "bench/statistics/statistics.h"
#include "common/error.h"
#include "common/random.h"

namespace permafrost {
namespace {

TEST(StatisticsRanks, AveragePrecisionAgreesWithScikitLearn) {
  const std::vector<double> scores{.9, .8, .8, .7, .6, .6, .6, .3, .2, .1};
  const std::vector<bool> positive{true, false, true, true, false, true, false, false, true, false};
  EXPECT_NEAR(*average_precision(scores, positive), 0.7087301587301587, 1e-15);
  EXPECT_DOUBLE_EQ(*average_precision({3, 2, 1}, {true, true, false}), 1);
  EXPECT_DOUBLE_EQ(*average_precision({4, 3, 2, 1}, {false, false, false, true}), 0.25);
}

TEST(StatisticsRanks, TiedScoresPassTheThresholdTogether) {
  EXPECT_DOUBLE_EQ(*average_precision({.5, .5, .5, .5}, {true, false, false, true}), 0.5);
  EXPECT_DOUBLE_EQ(*average_precision({.5, .5, .5, .5}, {false, true, true, false}), 0.5);
}

TEST(StatisticsRanks, NothingPositiveHasNoPrecision) {
  EXPECT_FALSE(average_precision({1, 2}, {false, false}).has_value());
  EXPECT_FALSE(average_precision({}, {}).has_value());
  EXPECT_THROW(average_precision({1}, {}), Error);
}

TEST(StatisticsRanks, MeanAveragePrecisionIsOneAgainstTheRest) {
  const std::vector<std::vector<double>> scores{{.7, .2, .1}, {.1, .6, .3}, {.4, .4, .2},
                                                {.2, .3, .5}, {.5, .3, .2}, {.3, .3, .4}};
  EXPECT_NEAR(*mean_average_precision(scores, {0, 1, 1, 2, 0, 0}), 0.9722222222222222, 1e-15);
}

TEST(StatisticsRanks, ClassesWithoutASampleAreLeftOut) {
  EXPECT_DOUBLE_EQ(*mean_average_precision({{.9, .1, 0}, {.2, .8, 0}}, {0, 1}), 1);
  EXPECT_FALSE(mean_average_precision({}, {}).has_value());
  EXPECT_THROW(mean_average_precision({{1, 2}, {1}}, {0, 0}), Error);
}

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

TEST(MeanAveragePrecision, IsAMeanOverSamplesToo) {
  const std::vector<std::vector<double>> scores{{.9, .1, .3}, {.2, .8, .3}, {.4, .8, .1},
                                                {.4, .3, .9}, {.7, .2, .3}, {.1, .6, .2}};
  std::vector<std::vector<float>> single;
  for (const auto& row : scores) single.emplace_back(row.begin(), row.end());
  for (const std::vector<int>& labels :
       {std::vector<int>{0, 1, 1, 2, 0, 0}, {2, 1, 0, 0, 1, 2}, {0, 0, 0, 0, 1, 1}}) {
    const auto values = average_precision_values(single, labels);
    EXPECT_NEAR(mean_of(values), *mean_average_precision(scores, labels), 1e-12);
  }
}

TEST(MeanAveragePrecision, UnreadSamplesAreWrongAndOutrankNobody) {
  const std::vector<std::vector<float>> all{{.9F, .1F}, {.8F, .2F}, {.3F, .7F}, {.2F, .8F}};
  auto lost = all;
  lost[1] = {};
  EXPECT_DOUBLE_EQ(mean_of(average_precision_values(all, {0, 0, 1, 1})), 1);
  EXPECT_DOUBLE_EQ(mean_of(average_precision_values(lost, {0, 0, 1, 1})), 0.75);
  EXPECT_DOUBLE_EQ(mean_of(average_precision_values({{}, {}}, {0, 1})), 0);
  EXPECT_EQ(average_precision_values({}, {}), std::vector<double>());
  EXPECT_THROW(average_precision_values({{.5F}}, {1}), Error);
  EXPECT_THROW(average_precision_values({{.5F}}, {0, 1}), Error);
}

TEST(MeanAveragePrecision, ValuesAreWhatASampleDoesToTheMean) {
  const std::vector<std::vector<float>> scores{
      {.9F, .1F}, {.4F, .2F}, {.5F, .7F}, {.2F, .8F}, {.6F, .3F}};
  const std::vector<int> labels{0, 0, 1, 1, 1};
  const auto values = average_precision_values(scores, labels);
  const auto without = [&](std::size_t k) {
    auto rest = scores;
    auto classes = labels;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(k));
    classes.erase(classes.begin() + static_cast<std::ptrdiff_t>(k));
    return mean_of(average_precision_values(rest, classes));
  };
  for (std::size_t k = 1; k < labels.size(); ++k)
    EXPECT_NEAR(values[k] - values[0], -4 * (without(k) - without(0)), 1e-12) << k;
}

// The interval that the values give, against one that ranks every resample anew.
TEST(MeanAveragePrecision, IntervalsAreAboutThoseOfTheFullBootstrap) {
  constexpr int kSamples = 600, kClasses = 4, kRounds = 400;
  RandomStream stream({.seed = 3, .purpose = "test"});
  std::vector<std::vector<float>> scores;
  std::vector<int> labels;
  for (int i = 0; i < kSamples; ++i) {
    labels.push_back(i % kClasses);
    auto& row = scores.emplace_back();
    for (int c = 0; c < kClasses; ++c) row.push_back(stream.normal() + (c == labels[i] ? 1.F : 0));
  }
  const Interval held = bootstrap_interval(average_precision_values(scores, labels), {}, {0, 1});
  std::vector<double> anew;
  for (int r = 0; r < kRounds; ++r) {
    std::vector<std::vector<float>> drawn;
    std::vector<int> classes;
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

}  // namespace
}  // namespace permafrost
