// SPDX-License-Identifier: Apache-2.0
#include "bench/evaluate/diagnosis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "common/random.h"
#include "datasets/measures/top1.h"

namespace permafrost {
namespace diagnosis_test {

struct Outcome {
  std::vector<int> labels, predictions;
};

// `share` of the samples are predicted as order[label], the rest at random.
Outcome outcome_of(int classes, int per_class, double share, const std::vector<int>& order) {
  RandomStream stream({.seed = 1, .purpose = "test.diagnosis"});
  Outcome out;
  for (int i = 0; i < classes * per_class; ++i) {
    const int label = i % classes;
    out.labels.push_back(label);
    const bool right = stream.uniform() < share;
    out.predictions.push_back(
        right ? order[static_cast<std::size_t>(label)]
              : static_cast<int>(stream.integer(static_cast<std::uint64_t>(classes))));
  }
  return out;
}

std::vector<int> shifted(int classes, int by) {
  std::vector<int> order;
  for (int k = 0; k < classes; ++k) order.push_back((k + by) % classes);
  return order;
}

Diagnosis diagnosis_of(const Outcome& o, int classes, const std::vector<std::string>& names = {}) {
  const auto scores = right_or_wrong(o.labels, o.predictions);
  return diagnose(o.labels, o.predictions, classes, bootstrap_interval(scores, {}, kAccuracyRange),
                  names);
}

TEST(Diagnosis, FindsNothingWrongWithAGoodHead) {
  const Diagnosis d = diagnosis_of(outcome_of(10, 40, 0.7, shifted(10, 0)), 10);
  EXPECT_FALSE(d.at_chance);
  EXPECT_FALSE(d.other_order);
  EXPECT_TRUE(d.renaming.empty());
  EXPECT_DOUBLE_EQ(d.chance, 10);
  EXPECT_DOUBLE_EQ(d.majority, 10);
  EXPECT_LT(d.predicted_share, 25);
}

TEST(Diagnosis, FindsPermutedLabels) {
  std::vector<int> order{3, 7, 0, 9, 1, 8, 2, 6, 5, 4};
  const Diagnosis d = diagnosis_of(outcome_of(10, 40, 0.7, order), 10);
  EXPECT_TRUE(d.at_chance);
  ASSERT_TRUE(d.other_order);
  EXPECT_GT(d.renamed, 60);
  EXPECT_EQ(d.pattern, "");
  for (int label = 0; label < 10; ++label)
    EXPECT_EQ(d.renaming[static_cast<std::size_t>(order[static_cast<std::size_t>(label)])], label);
}

TEST(Diagnosis, NamesOrdersThatItKnows) {
  EXPECT_EQ(diagnosis_of(outcome_of(12, 30, 0.6, shifted(12, 11)), 12).pattern,
            "labels are 1 larger than the head's numbers");
  EXPECT_EQ(diagnosis_of(outcome_of(12, 30, 0.6, shifted(12, 2)), 12).pattern,
            "labels are 2 smaller than the head's numbers");
  const std::vector<int> as_text{0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_NE(diagnosis_of(outcome_of(12, 30, 0.6, as_text), 12).pattern.find("as text"),
            std::string::npos);
  // The head's 0 is "apple", its 1 "bread" ...
  const std::vector<std::string> names{"dates", "apple", "cheese", "bread"};
  EXPECT_NE(diagnosis_of(outcome_of(4, 90, 0.6, {3, 0, 2, 1}), 4, names).pattern.find("alphabet"),
            std::string::npos);
}

TEST(Diagnosis, IsNotFlatteredByFewSamples) {
  // As many samples as classes: some renaming always gives 100 %.
  for (const int per_class : {1, 2, 4}) {
    const Diagnosis d = diagnosis_of(outcome_of(50, per_class, 0, shifted(50, 0)), 50);
    EXPECT_TRUE(d.at_chance) << per_class;
    EXPECT_FALSE(d.other_order) << per_class;
  }
}

TEST(Diagnosis, ComparesWithTheMajorityAndSeesASingleAnswer) {
  std::vector<int> labels(100, 0), predictions(100, 0);
  for (std::size_t i = 60; i < 100; ++i) labels[i] = 1;
  predictions[0] = -1;
  const Diagnosis d =
      diagnose(labels, predictions, 3,
               bootstrap_interval(right_or_wrong(labels, predictions), {}, kAccuracyRange));
  EXPECT_DOUBLE_EQ(d.majority, 60);
  EXPECT_TRUE(d.at_chance) << "59 % is above 1/3, not above the majority";
  EXPECT_EQ(d.most_predicted, 0);
  EXPECT_DOUBLE_EQ(d.predicted_share, 100);
  EXPECT_FALSE(d.other_order);
}

TEST(Diagnosis, TakesClipsOfOneClassForWhatTheyAre) {
  EXPECT_FALSE(diagnose({7, 7, 7, 7}, {7, 7, 7, 7}, 10, {100, 100}).at_chance);
  EXPECT_TRUE(diagnose({7, 7, 7, 7}, {1, 2, 3, 1}, 10, {0, 0}).at_chance);
}

TEST(Diagnosis, CopesWithNothing) {
  const Diagnosis d = diagnose({0, 1}, {-1, -1}, 2, {0, 0});
  EXPECT_EQ(d.most_predicted, -1);
  EXPECT_TRUE(d.at_chance);
  EXPECT_FALSE(d.other_order);
}

TEST(BestRenaming, IsTheBestOfAll) {
  RandomStream stream({.seed = 2, .purpose = "test.renaming"});
  for (int round = 0; round < 50; ++round) {
    const int n = 2 + round % 5;
    Confusion gain;
    for (int i = 0; i < n * n; ++i) gain[{i / n, i % n}] = stream.integer(9);
    const auto worth = [&](const std::vector<int>& to) {
      std::int64_t sum = 0;
      for (int k = 0; k < n; ++k) sum += gain.at({k, to[static_cast<std::size_t>(k)]});
      return sum;
    };
    std::vector<int> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::int64_t best = 0;
    do best = std::max(best, worth(order));
    while (std::next_permutation(order.begin(), order.end()));
    EXPECT_EQ(worth(best_renaming(gain, n)), best) << round;
  }
}

TEST(BestRenaming, KeepsNumbersThatNothingSpeaksAgainst) {
  EXPECT_EQ(best_renaming({}, 4), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(best_renaming({{{0, 1}, 5}, {{1, 0}, 5}}, 2), (std::vector<int>{1, 0}));
}

TEST(BestRenaming, IsAOneToOneMapForManyClasses) {
  const int n = 10000;
  Confusion gain;
  for (int k = 0; k < n; k += 2) gain[{k, (k + 7) % n}] = 3;
  std::vector<int> to = best_renaming(gain, n);
  EXPECT_EQ(to[2], 9);
  std::sort(to.begin(), to.end());
  for (int k = 0; k < n; ++k) EXPECT_EQ(to[static_cast<std::size_t>(k)], k);
}

}  // namespace diagnosis_test
}  // namespace permafrost
