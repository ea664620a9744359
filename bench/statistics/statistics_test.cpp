// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/error.h"
#include "common/random.h"

namespace permafrost {
namespace statistics_test {

// `n` scores of which `right` are 100, in a scattered order.
std::vector<double> scores(int right, int n) {
  std::vector<double> values(static_cast<std::size_t>(n), 0);
  const auto order = RandomStream({.purpose = "test"}).permutation(n);
  for (int i = 0; i < right; ++i)
    values[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = 100;
  return values;
}

TEST(Statistics, MeanAndSampleDeviation) {
  EXPECT_DOUBLE_EQ(mean_of({2, 4, 9}), 5);
  EXPECT_DOUBLE_EQ(deviation_of({2, 4, 9}), std::sqrt(13.0));
  EXPECT_DOUBLE_EQ(deviation_of({7}), 0);
  EXPECT_DOUBLE_EQ(deviation_of({}), 0);
}

TEST(Statistics, SeedsAreAveragedSampleBySample) {
  EXPECT_EQ(mean_over_seeds({{100, 0, 0}, {100, 100, 0}}), (std::vector<double>{100, 50, 0}));
  EXPECT_EQ(mean_over_seeds({}), std::vector<double>{});
  EXPECT_THROW(mean_over_seeds({{1}, {1, 2}}), Error);
}

TEST(Statistics, BootstrapAgreesWithTheClosedForm) {
  for (const int right : {100, 300, 500, 720}) {
    const Interval found = bootstrap_interval(scores(right, 1000), {}, kAccuracyRange);
    const Interval wilson = wilson_interval(right, 1000);
    EXPECT_NEAR(found.low, wilson.low, 0.5) << right;
    EXPECT_NEAR(found.high, wilson.high, 0.5) << right;
  }
}

TEST(Statistics, BootstrapIsAPureFunction) {
  const auto values = scores(37, 100);
  EXPECT_EQ(bootstrap_interval(values, {}, kAccuracyRange),
            bootstrap_interval(values, {}, kAccuracyRange));
}

TEST(Statistics, GroupsWidenTheInterval) {
  // Ten groups of ten equal scores are ten observations, not a hundred.
  std::vector<double> values;
  std::vector<std::int64_t> groups;
  for (int i = 0; i < 100; ++i) {
    values.push_back(i / 10 % 2 == 0 ? 100 : 0);
    groups.push_back(i / 10);
  }
  const Interval single = bootstrap_interval(values, {}, kAccuracyRange);
  const Interval grouped = bootstrap_interval(values, groups, kAccuracyRange);
  // Standard errors are 5 and 15.8 points.
  EXPECT_NEAR(single.high - single.low, 2 * 1.96 * 5, 2);
  EXPECT_NEAR(grouped.high - grouped.low, 2 * 1.96 * 15.8, 6);
}

TEST(Statistics, UnequalGroupsAreWeightedBySamples) {
  // One group of 98 right samples, two of one wrong: the mean of a resample is over its samples.
  std::vector<double> values(98, 100.0);
  std::vector<std::int64_t> groups(98, 0);
  values.insert(values.end(), {0, 0});
  groups.insert(groups.end(), {1, 2});
  const Interval found = bootstrap_interval(values, groups, kAccuracyRange);
  EXPECT_DOUBLE_EQ(found.low, 0);
  EXPECT_DOUBLE_EQ(found.high, 100);
}

TEST(Statistics, FewerThanTwoUnitsSayNothing) {
  EXPECT_EQ(bootstrap_interval({}, {}, kAccuracyRange), kAccuracyRange);
  EXPECT_EQ(bootstrap_interval({100}, {}, kGapRange), kGapRange);
  EXPECT_EQ(bootstrap_interval({100, 0, 100}, {4, 4, 4}, kAccuracyRange), kAccuracyRange);
}

TEST(Statistics, AllRightHasNoWidth) {
  EXPECT_EQ(bootstrap_interval(scores(50, 50), {}, kAccuracyRange), (Interval{100, 100}));
  EXPECT_LT(wilson_interval(50, 50).low, 94);
}

TEST(Statistics, PairingNarrowsTheGap) {
  // b is a with every tenth sample wrong: the gap is 100/10 of the right ones.
  const auto a = scores(500, 1000);
  auto b = a;
  for (std::size_t i = 0; i < b.size(); i += 10) b[i] = 0;
  const auto gaps = differences(a, b);
  const Interval paired = bootstrap_interval(gaps, {}, kGapRange);
  const double gap = mean_of(gaps), share = gap / 100;
  const double error = 100 * std::sqrt(share * (1 - share) / 1000);
  EXPECT_NEAR(paired.low, gap - 1.96 * error, 0.3);
  EXPECT_NEAR(paired.high, gap + 1.96 * error, 0.3);
  EXPECT_GT(paired.low, 0);
}

TEST(Statistics, WilsonMatchesPublishedValues) {
  // Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81/263 and 0/20.
  EXPECT_NEAR(wilson_interval(81, 263).low, 25.53, 0.01);
  EXPECT_NEAR(wilson_interval(81, 263).high, 36.62, 0.01);
  EXPECT_NEAR(wilson_interval(0, 20).low, 0, 1e-12);
  EXPECT_NEAR(wilson_interval(0, 20).high, 16.11, 0.01);
  EXPECT_EQ(wilson_interval(0, 0), kAccuracyRange);
}

}  // namespace statistics_test
}  // namespace permafrost
