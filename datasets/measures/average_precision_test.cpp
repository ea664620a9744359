// SPDX-License-Identifier: Apache-2.0
// Expected values: scikit-learn 1.9.1 (average_precision_score).
#include "datasets/measures/average_precision.h"

#include <gtest/gtest.h>

#include <numeric>

#include "common/error.h"

namespace permafrost {
namespace average_precision_test {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(AveragePrecision, AgreesWithScikitLearn) {
  const std::vector<double> scores{.9, .8, .8, .7, .6, .6, .6, .3, .2, .1};
  const std::vector<bool> positive{true, false, true, true, false, true, false, false, true, false};
  EXPECT_NEAR(*average_precision(scores, positive), 0.7087301587301587, 1e-15);
  EXPECT_DOUBLE_EQ(*average_precision({3, 2, 1}, {true, true, false}), 1);
  EXPECT_DOUBLE_EQ(*average_precision({4, 3, 2, 1}, {false, false, false, true}), 0.25);
}

TEST(AveragePrecision, TiedScoresPassTheThresholdTogether) {
  EXPECT_DOUBLE_EQ(*average_precision({.5, .5, .5, .5}, {true, false, false, true}), 0.5);
  EXPECT_DOUBLE_EQ(*average_precision({.5, .5, .5, .5}, {false, true, true, false}), 0.5);
}

TEST(AveragePrecision, NothingPositiveHasNoPrecision) {
  EXPECT_FALSE(average_precision({1, 2}, {false, false}).has_value());
  EXPECT_FALSE(average_precision({}, {}).has_value());
  EXPECT_THROW(average_precision({1}, {}), Error);
}

TEST(MeanAveragePrecision, IsOneAgainstTheRest) {
  const std::vector<std::vector<double>> scores{{.7, .2, .1}, {.1, .6, .3}, {.4, .4, .2},
                                                {.2, .3, .5}, {.5, .3, .2}, {.3, .3, .4}};
  EXPECT_NEAR(*mean_average_precision(scores, {0, 1, 1, 2, 0, 0}), 0.9722222222222222, 1e-15);
}

TEST(AveragePrecision, ClassesWithoutASampleAreLeftOut) {
  EXPECT_DOUBLE_EQ(*mean_average_precision({{.9, .1, 0}, {.2, .8, 0}}, {0, 1}), 1);
  EXPECT_FALSE(mean_average_precision({}, {}).has_value());
  EXPECT_THROW(mean_average_precision({{1, 2}, {1}}, {0, 0}), Error);
}

TEST(MeanAveragePrecision, IsAMeanOverSamplesToo) {
  const std::vector<std::vector<double>> scores{{.9, .1, .3}, {.2, .8, .3}, {.4, .8, .1},
                                                {.4, .3, .9}, {.7, .2, .3}, {.1, .6, .2}};
  std::vector<std::vector<float>> single;
  for (const auto& row : scores) single.emplace_back(row.begin(), row.end());
  const auto sets = [] {
    return std::vector{Target::of_set({0, 1}), Target::of_set({}),     Target::of_set({2}),
                       Target::of_set({0}),    Target::of_set({1, 2}), Target::of_set({0, 1, 2})};
  };
  for (const std::vector<Target>& labels :
       {std::vector<Target>{0, 1, 1, 2, 0, 0}, {2, 1, 0, 0, 1, 2}, {0, 0, 0, 0, 1, 1}, sets()}) {
    const auto values = average_precision_values(single, labels);
    EXPECT_NEAR(mean_of(values), *mean_average_precision(scores, labels), 1e-12);
  }
}

TEST(MeanAveragePrecision, TakesEveryClassOfASample) {
  const std::vector<std::vector<double>> scores{{.9, .8}, {.8, .1}, {.2, .7}, {.1, .2}};
  const std::vector<Target> targets{Target::of_set({0, 1}), Target::of_set({}), Target::of_set({0}),
                                    Target::of_set({1})};
  // Class 0: ranks 1 and 3 are right; class 1: ranks 1 and 3 as well.
  EXPECT_DOUBLE_EQ(*mean_average_precision(scores, targets), (1 + 2.0 / 3) / 2);
  EXPECT_FALSE(mean_average_precision({{.5}}, {Target::of_set({})}).has_value());
  EXPECT_EQ(average_precision_values({{.5F}}, {Target::of_set({})}), std::vector<double>{0});
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
  const std::vector<Target> labels{0, 0, 1, 1, 1};
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

}  // namespace average_precision_test
}  // namespace permafrost
