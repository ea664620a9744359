// SPDX-License-Identifier: Apache-2.0
#include "datasets/tasks/label_subset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace permafrost {
namespace label_subset_test {

using Indices = std::vector<std::int64_t>;

Indices range(std::int64_t from, std::int64_t to) {
  Indices values(static_cast<std::size_t>(to - from));
  std::iota(values.begin(), values.end(), from);
  return values;
}

// Class 0: 60 %, class 1: 30 %, class 2: 10 % of 1000 samples, in turns of ten.
std::vector<Target> unequal_labels() {
  std::vector<Target> labels;
  for (int i = 0; i < 1000; ++i) labels.emplace_back(i % 10 < 6 ? 0 : (i % 10 < 9 ? 1 : 2));
  return labels;
}

std::map<int, int> counts(const Indices& samples, const std::vector<Target>& labels) {
  std::map<int, int> found;
  for (const auto i : samples) ++found[labels[static_cast<std::size_t>(i)].label()];
  return found;
}

TEST(LabelSubset, TakesTheSameShareOfEveryClass) {
  const auto labels = unequal_labels();
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    // Only the first 800 are trained on: 480, 240 and 80 of the classes.
    const auto subset = label_subset(labels, range(0, 1000), range(0, 800), 0.05, seed);
    EXPECT_EQ(counts(subset, labels), (std::map<int, int>{{0, 24}, {1, 12}, {2, 4}}));
    EXPECT_TRUE(std::is_sorted(subset.begin(), subset.end()));
    EXPECT_LT(subset.back(), 800);
  }
}

TEST(LabelSubset, IsAFunctionOfItsSeed) {
  const auto labels = unequal_labels();
  const auto draw = [&](std::uint64_t seed) {
    return label_subset(labels, range(0, 1000), range(0, 1000), 0.1, seed);
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
  // Neither does the order in which the training side is listed matter.
  Indices backwards = range(0, 1000);
  std::reverse(backwards.begin(), backwards.end());
  EXPECT_EQ(label_subset(labels, range(0, 1000), backwards, 0.1, 1), draw(1));
}

TEST(LabelSubset, LeavesNoClassWithoutASample) {
  std::vector<Target> labels(100, 0);
  labels[17] = 1;
  labels[80] = labels[81] = 2;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto subset = label_subset(labels, range(0, 100), range(0, 100), 0.01, seed);
    EXPECT_EQ(counts(subset, labels), (std::map<int, int>{{0, 1}, {1, 1}, {2, 1}}));
  }
}

TEST(LabelSubset, TheWholeIsTheWhole) {
  EXPECT_EQ(label_subset(unequal_labels(), range(0, 1000), range(5, 995), 1, 3), range(5, 995));
}

TEST(LabelSubset, KeepsGroupsTogether) {
  const auto labels = unequal_labels();
  Indices groups;
  for (std::int64_t i = 0; i < 1000; ++i) groups.push_back(i / 7);  // classes mixed
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto subset = label_subset(labels, groups, range(0, 1000), 0.2, seed);
    const std::set<std::int64_t> in(subset.begin(), subset.end());
    std::set<std::int64_t> taken;
    for (const auto i : subset) taken.insert(i / 7);
    for (std::int64_t i = 0; i < 1000; ++i) EXPECT_EQ(in.count(i), taken.count(i / 7)) << i;
    EXPECT_NEAR(static_cast<double>(subset.size()), 200, 30);
    for (const auto& [label, share] : std::map<int, double>{{0, 120}, {1, 60}, {2, 20}})
      EXPECT_NEAR(counts(subset, labels)[label], share, share * 0.35) << label;
  }
}

TEST(LabelSubset, OneGroupOfEverythingIsTaken) {
  EXPECT_EQ(label_subset(unequal_labels(), Indices(1000, 4), range(0, 1000), 0.05, 1).size(),
            1000U);
}

}  // namespace label_subset_test
}  // namespace permafrost
