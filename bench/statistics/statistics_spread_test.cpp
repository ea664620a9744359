// SPDX-License-Identifier: Apache-2.0
// Expected values: SciPy 1.17.1 (t.ppf, t.cdf, t.interval, norm.ppf).
#include "bench/statistics/statistics_spread.h"

#include <gtest/gtest.h>

#include <string>

#include "common/error.h"

namespace permafrost {
namespace statistics_spread_test {

TEST(StatisticsSpread, QuantilesAgreeWithSciPy) {
  EXPECT_NEAR(t_quantile(0.975, 1), 12.706204736174694, 1e-9);
  EXPECT_NEAR(t_quantile(0.975, 2), 4.302652729749462, 1e-9);
  EXPECT_NEAR(t_quantile(0.975, 3), 3.1824463052837078, 1e-9);
  EXPECT_NEAR(t_quantile(0.975, 4), 2.7764451051977934, 1e-9);
  EXPECT_NEAR(t_quantile(0.975, 9), 2.262157162798205, 1e-9);
  EXPECT_NEAR(t_quantile(0.975, 30), 2.0422724563012378, 1e-9);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-12);
  EXPECT_NEAR(normal_quantile(0.0005), -3.2905267314918945, 1e-12);
  EXPECT_NEAR(normal_quantile(0.5), 0, 1e-12);
}

TEST(StatisticsSpread, ProbabilitiesAgreeWithSciPy) {
  EXPECT_NEAR(t_probability(1.5, 1), 0.6256659163780023, 1e-12);
  EXPECT_NEAR(t_probability(-1.5, 2), 0.7276068751089988, 1e-12);
  EXPECT_NEAR(t_probability(1.5, 9), 0.8321493439429251, 1e-12);
  EXPECT_NEAR(t_probability(1.5, 30), 0.8559340708713541, 1e-12);
}

TEST(StatisticsSpread, FiveSeedsHaveSciPysInterval) {
  const Spread spread = spread_of({51, 53.5, 49, 50, 56}, SpreadOver::seeds);
  EXPECT_DOUBLE_EQ(spread.mean, 51.9);
  EXPECT_NEAR(spread.ci95->low, 48.377086099589626, 1e-9);
  EXPECT_NEAR(spread.ci95->high, 55.42291390041037, 1e-9);
}

TEST(StatisticsSpread, OneSeedSaysNothing) {
  const Spread spread = spread_of({51}, SpreadOver::seeds);
  EXPECT_DOUBLE_EQ(spread.mean, 51);
  EXPECT_FALSE(spread.deviation.has_value());
  EXPECT_FALSE(spread.ci95.has_value());
}

TEST(StatisticsSpread, EachSpreadHasItsName) {
  EXPECT_EQ(name_of(SpreadOver::samples), std::string("over samples"));
  EXPECT_EQ(name_of(SpreadOver::seeds), std::string("over seeds"));
  EXPECT_EQ(name_of(SpreadOver::splits), std::string("over splits"));
}

TEST(StatisticsSpread, ImpossibleArgumentsAreRefused) {
  EXPECT_THROW(t_quantile(0.975, 0), Error);
  EXPECT_THROW(t_quantile(1, 3), Error);
  EXPECT_THROW(normal_quantile(0), Error);
}

}  // namespace statistics_spread_test
}  // namespace permafrost
