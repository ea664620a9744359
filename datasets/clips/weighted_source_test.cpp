// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/weighted_source.h"

#include <gtest/gtest.h>

#include <set>

#include "common/error.h"
#include "datasets/synthetic/source.h"

namespace permafrost {
namespace weighted_source_test {

using synthetic::Split;
using synthetic::SyntheticTask;
using synthetic::TaskSource;

std::vector<WeightedPart> parts(double first, double second) {
  std::vector<WeightedPart> out;
  out.push_back(
      {std::make_unique<TaskSource>(SyntheticTask::motion, Split::train, 5, ClipShape{2, 16, 16}),
       first});
  out.push_back(
      {std::make_unique<TaskSource>(SyntheticTask::object, Split::train, 400, ClipShape{2, 16, 16}),
       second});
  return out;
}

TEST(WeightedSource, DrawsByWeightWhateverTheSizes) {
  const WeightedSource source(parts(3, 1), 7);
  constexpr int kDraws = 20'000;
  int first = 0;
  std::set<std::int64_t> seen;
  std::vector<int> of_five(5);
  for (int i = 0; i < kDraws; ++i) {
    const auto draw = source.draw(i);
    if (draw.part == 0) {
      ++first;
      ++of_five[static_cast<std::size_t>(draw.sample)];
    } else {
      seen.insert(draw.sample);
    }
  }
  // Five standard deviations of a share of 3/4, and of a fifth of it.
  EXPECT_NEAR(first, 0.75 * kDraws, 5 * 61.3);
  for (const int count : of_five) EXPECT_NEAR(count, 0.15 * kDraws, 5 * 50.5);
  EXPECT_EQ(seen.size(), 400U);
}

TEST(WeightedSource, SampleIsThatOfThePart) {
  const WeightedSource source(parts(1, 1), 7), same(parts(1, 1), 7), other(parts(1, 1), 8);
  int differ = 0;
  for (int i = 0; i < 50; ++i) {
    const auto draw = source.draw(i);
    const TaskSource part(draw.part == 0 ? SyntheticTask::motion : SyntheticTask::object,
                          Split::train, 400, {2, 16, 16});
    EXPECT_EQ(source.name(i), part.name(draw.sample));
    EXPECT_EQ(source.label(i), part.label(draw.sample));
    EXPECT_EQ(source.read(i, 0, 1).clip.pixels, part.read(draw.sample, 0, 1).clip.pixels);
    EXPECT_EQ(same.name(i), source.name(i));
    differ += other.name(i) != source.name(i) ? 1 : 0;
  }
  EXPECT_GT(differ, 40);
  EXPECT_EQ(source.identity(), same.identity());
  EXPECT_NE(source.identity(), other.identity());
  EXPECT_NE(source.identity(), WeightedSource(parts(1, 2), 7).identity());
}

TEST(WeightedSource, MistakesAreRefused) {
  EXPECT_THROW(WeightedSource({}, 1), InputError);
  EXPECT_THROW(WeightedSource(parts(0, 1), 1), InputError);
  EXPECT_THROW(WeightedSource(parts(1, -1), 1), InputError);
}

}  // namespace weighted_source_test
}  // namespace permafrost
