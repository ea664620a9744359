// SPDX-License-Identifier: Apache-2.0
#include "models/training/step_figures.h"

#include <gtest/gtest.h>

#include <cmath>

namespace permafrost {
namespace step_figures_test {

TEST(StepFigures, AreMeansOverWhatWasCounted) {
  StepFigures one, other;
  one.add("loud", 0, 0);
  one.add("quiet", 3, 2);
  other.add("quiet", 1, 1);
  other.add("new", 0.1);
  one.add(other);
  const NamedNumbers means = one.means();
  ASSERT_EQ(means.size(), 3U);
  EXPECT_EQ(means[0].first, "loud");
  EXPECT_TRUE(std::isnan(means[0].second));
  EXPECT_EQ(means[1], (std::pair<std::string, double>{"quiet", 4.0 / 3}));
  EXPECT_EQ(number_named(means, "new"), 0.1);
  EXPECT_TRUE(std::isnan(number_named(means, "other")));
}

}  // namespace step_figures_test
}  // namespace permafrost
