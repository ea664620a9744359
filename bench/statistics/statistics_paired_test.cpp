// SPDX-License-Identifier: Apache-2.0
// "SciPy": values of SciPy 1.17.1 (binomtest, bootstrap, norm); "statsmodels": 0.15.0.
#include "bench/statistics/statistics_paired.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/error.h"

namespace permafrost {
namespace statistics_paired_test {

// `up` differences of 100, `down` of -100, the others 0.
std::vector<double> gaps(int up, int down, int n) {
  std::vector<double> values(static_cast<std::size_t>(n), 0);
  for (int i = 0; i < up; ++i) values[static_cast<std::size_t>(i)] = 100;
  for (int i = up; i < up + down; ++i) values[static_cast<std::size_t>(i)] = -100;
  return values;
}

Resamples resampled(const std::vector<double>& values) {
  return resample_means(values, {}, kPairedResamples);
}

TEST(StatisticsPaired, McNemarAgreesWithSciPy) {
  EXPECT_NEAR(mcnemar_exact({1, 9}), 0.021484375, 1e-12);
  EXPECT_NEAR(mcnemar_exact({25, 10}), 0.016673847800120715, 1e-12);
  EXPECT_NEAR(mcnemar_exact({0, 5}), 0.0625, 1e-12);
  EXPECT_NEAR(mcnemar_exact({121, 59}) / 4.4344492637551645e-06, 1, 1e-9);
  EXPECT_DOUBLE_EQ(mcnemar_exact({6, 6}), 1);
  EXPECT_DOUBLE_EQ(mcnemar_exact({0, 0}), 1);
}

TEST(StatisticsPaired, McNemarMidPAgreesWithSciPy) {
  EXPECT_NEAR(mcnemar_mid_p({1, 9}), 0.01171875, 1e-12);
  EXPECT_NEAR(mcnemar_mid_p({10, 25}), 0.011330984183587134, 1e-12);
  EXPECT_NEAR(mcnemar_mid_p({5, 0}), 0.03125, 1e-12);
  EXPECT_NEAR(mcnemar_mid_p({6, 6}), 0.88720703125, 1e-12);
  EXPECT_DOUBLE_EQ(mcnemar_mid_p({0, 0}), 1);
}

TEST(StatisticsPaired, DiscordanceCountsEitherSide) {
  EXPECT_EQ(discordance_of({100, 100, 0, 0, 100}, {0, 100, 100, 0, 0}), (Discordance{2, 1}));
  EXPECT_THROW(discordance_of({1}, {}), Error);
}

TEST(StatisticsPaired, PairedBootstrapAgreesWithSciPyAndTheNormal) {
  // Mean 6.2, deviation 41.99194, standard error 1.32790; SciPy's bootstrap of 200,000 resamples
  // has the percentile interval [3.6, 8.8].
  const Resamples means = resampled(gaps(121, 59, 1000));
  EXPECT_NEAR(interval_of(means, 0.95, kGapRange).low, 3.6, 0.15);
  EXPECT_NEAR(interval_of(means, 0.95, kGapRange).high, 8.8, 0.15);
  EXPECT_NEAR(p_of_no_gap(means), 2.0 / (kPairedResamples + 1), 1e-12);  // none of them at 0
  // 90 against 70: mean 2, standard error 1.26444, p = 0.1137 by N(0,1).
  EXPECT_NEAR(p_of_no_gap(resampled(gaps(90, 70, 1000))), 0.1137, 0.03);
}

TEST(StatisticsPaired, PAndIntervalTellTheSameSide) {
  int decided = 0;
  for (int up = 60; up < 130; ++up) {
    const Resamples means = resampled(gaps(up, 80, 1000));
    const Interval ci95 = interval_of(means, 0.95, kGapRange);
    const bool one_sided = ci95.low > 0 || ci95.high < 0;
    if (p_of_no_gap(means) < 0.05) {
      EXPECT_TRUE(one_sided) << up;
      ++decided;
    }
  }
  EXPECT_GT(decided, 10);
  EXPECT_LT(decided, 60);
}

TEST(StatisticsPaired, SidesAreSymmetric) {
  EXPECT_NEAR(p_of_no_gap(resampled(gaps(95, 70, 500))), p_of_no_gap(resampled(gaps(70, 95, 500))),
              0.03);
  EXPECT_DOUBLE_EQ(p_of_no_gap(resampled(gaps(0, 0, 50))), 1);
  EXPECT_DOUBLE_EQ(p_of_no_gap(resampled({})), 1);
  EXPECT_DOUBLE_EQ(p_of_difference(resampled({100}), 5), 1);
}

TEST(StatisticsPaired, EquivalenceIsTwoOneSidedTests) {
  // SciPy's bootstrap: 0.00251 for a margin of 10, 0.0947 for 8; by N(0,1) 0.00211 and 0.0877.
  const Resamples means = resampled(gaps(121, 59, 1000));
  EXPECT_NEAR(p_of_difference(means, 10), 0.0025, 0.0025);
  EXPECT_NEAR(p_of_difference(means, 8), 0.0947, 0.02);
  EXPECT_GT(p_of_difference(means, 3), 0.9);
  EXPECT_LT(p_of_equivalence(means, 3), 0.05);
  EXPECT_GT(p_of_equivalence(means, 4), 0.05);
}

TEST(StatisticsPaired, EquivalenceFollowsTheIntervals) {
  for (int margin = 1; margin < 14; ++margin) {
    const Resamples means = resampled(gaps(121, 59, 1000));
    const Interval ci90 = interval_of(means, 0.90, kGapRange);
    const Interval ci95 = interval_of(means, 0.95, kGapRange);
    if (p_of_difference(means, margin) < 0.05) {
      EXPECT_LT(ci90.high, margin);
      EXPECT_GT(ci90.low, -margin);
    }
    if (p_of_equivalence(means, margin) < 0.05) {
      EXPECT_GT(ci95.low, margin);
    }
  }
}

// The gaps have mean 6.2 and a standard error of 1.33.
TEST(StatisticsPaired, NotWorseIsOneSided) {
  const Resamples means = resampled(gaps(121, 59, 1000)), reversed = resampled(gaps(59, 121, 1000));
  EXPECT_NEAR(p_of_worse(means, 0), 1.0 / 5001, 1e-9) << "a lead";
  EXPECT_NEAR(p_of_worse(reversed, 8), 0.0877, 0.02) << "8 is 1.36 standard errors beyond";
  EXPECT_NEAR(p_of_worse(reversed, 10), 0.0021, 0.002);
  EXPECT_GT(p_of_worse(reversed, 3), 0.9);
  EXPECT_LT(p_of_not_worse(reversed, 3), 0.05);
  EXPECT_GT(p_of_not_worse(reversed, 4), 0.05);
  EXPECT_DOUBLE_EQ(p_of_not_worse(means, 0), 1);
  for (int margin = 1; margin < 14; ++margin)
    if (p_of_worse(reversed, margin) < 0.05) {
      EXPECT_GT(interval_of(reversed, 0.90, kGapRange).low, -margin);
    }
  EXPECT_DOUBLE_EQ(p_of_worse(resampled({}), 1), 1);
  EXPECT_DOUBLE_EQ(p_of_not_worse(resampled({}), 1), 1);
}

// n = ((1.645 + 0.842) / 4)^2 * 1800 above the margin; as a gap of -2 below it.
TEST(StatisticsPaired, SamplesToFindThatOneIsNotWorse) {
  EXPECT_EQ(count_to_find_not_worse(0, 4, 1800, 1), 696);
  EXPECT_LT(*count_to_find_not_worse(3, 4, 1800, 1), 696);
  EXPECT_EQ(count_to_find_not_worse(-6, 4, 1800, 1), count_to_find_gap(2, 1800, 1));
  EXPECT_FALSE(count_to_find_not_worse(-4, 4, 1800, 1).has_value());
}

TEST(StatisticsPaired, HolmAgreesWithStatsmodels) {
  const auto adjusted = holm_adjusted({0.01, 0.04, 0.03, 0.005, 0.2});
  const std::vector<double> expected{0.04, 0.09, 0.09, 0.025, 0.2};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-12);
  EXPECT_EQ(holm_adjusted({0.7, 0.9}), (std::vector<double>{1, 1}));
  EXPECT_TRUE(holm_adjusted({}).empty());
}

TEST(StatisticsPaired, VarianceIsThatOfTheMean) {
  const auto values = gaps(121, 59, 1000);
  EXPECT_NEAR(*variance_a_sample(values, {}), 41.99194355258308 * 41.99194355258308, 1e-6);
  // Every sample twice, in groups of two: half as many observations, twice the variance a sample.
  std::vector<double> twice;
  std::vector<std::int64_t> groups;
  for (std::size_t i = 0; i < values.size(); ++i) {
    twice.insert(twice.end(), {values[i], values[i]});
    groups.insert(groups.end(), {static_cast<std::int64_t>(i), static_cast<std::int64_t>(i)});
  }
  EXPECT_NEAR(*variance_a_sample(twice, groups) / *variance_a_sample(values, {}), 2, 1e-9);
  EXPECT_FALSE(variance_a_sample({1}, {}).has_value());
}

TEST(StatisticsPaired, CountsThatDecideAreTheTextbooks) {
  // SciPy's normal quantiles in the formulas of Chow, Shao & Wang 2008, 3.1.
  EXPECT_EQ(count_to_find_gap(2, 400, 1), 785);
  EXPECT_EQ(count_to_find_gap(-2, 400, 5), 1168);
  EXPECT_EQ(count_to_find_match(1, 3, 900, 1), 1927);
  EXPECT_EQ(count_to_find_match(-5, 3, 900, 1), 1766);
  EXPECT_FALSE(count_to_find_gap(0, 400, 1).has_value());
  EXPECT_FALSE(count_to_find_gap(1e-7, 400, 1).has_value());
  EXPECT_FALSE(count_to_find_match(3, 3, 900, 1).has_value());
}

TEST(StatisticsPaired, TheCountThatDecidesDecides) {
  // 53 against 47 of 400: undecided. As many as the count says, in the same shares: decided.
  const auto few = gaps(53, 37, 400);
  ASSERT_GT(p_of_no_gap(resampled(few)), 0.05);
  const auto n = *count_to_find_gap(mean_of(few), *variance_a_sample(few, {}), 1);
  EXPECT_GT(n, 400);
  const double share = static_cast<double>(n) / 400;
  const auto many =
      gaps(static_cast<int>(53 * share), static_cast<int>(37 * share), static_cast<int>(n));
  EXPECT_LT(p_of_no_gap(resampled(many)), 0.05);
}

}  // namespace statistics_paired_test
}  // namespace permafrost
