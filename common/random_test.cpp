// SPDX-License-Identifier: Apache-2.0
#include "common/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace permafrost {
namespace random_test {

// Known-answer vectors of the Random123 distribution (kat_vectors, philox4x32 10).
TEST(Random, PhiloxMatchesPublishedVectors) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Random, EveryPartOfTheNameMatters) {
  std::set<std::uint32_t> firsts;
  for (const StreamName& name :
       {StreamName{1, "a", 0, 0}, StreamName{2, "a", 0, 0}, StreamName{1, "b", 0, 0},
        StreamName{1, "a", 1, 0}, StreamName{1, "a", 0, 1}})
    firsts.insert(RandomStream(name).bits());
  EXPECT_EQ(firsts.size(), 5U);
  EXPECT_EQ(RandomStream({1, "a", 2, 3}).bits(), RandomStream({1, "a", 2, 3}).bits());
}

TEST(Random, DrawsHaveTheRightMoments) {
  RandomStream stream({.seed = 3, .purpose = "test"});
  constexpr int kDraws = 100000;
  double sum = 0, squares = 0, uniform = 0;
  std::array<int, 7> counts{};
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.normal();
    sum += x;
    squares += x * x;
    const float u = stream.uniform();
    ASSERT_GE(u, 0.0F);
    ASSERT_LT(u, 1.0F);
    uniform += u;
    ++counts[stream.integer(7)];
  }
  EXPECT_NEAR(sum / kDraws, 0, 4 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 4 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(uniform / kDraws, 0.5, 4 * std::sqrt(1.0 / 12 / kDraws));
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 7.0, 4 * std::sqrt(kDraws / 7.0));
}

// A permutation of 2^32 samples begins with a draw below 2^32, and longer ones with larger draws.
TEST(Random, DrawsBeyondThirtyTwoBits) {
  RandomStream small({.seed = 5, .purpose = "test"}), same({.seed = 5, .purpose = "test"});
  for (const std::uint32_t count : {1U, 7U, 1U << 31, UINT32_MAX})
    for (int i = 0; i < 10; ++i) EXPECT_EQ(small.large_integer(count), same.integer(count));
  for (const std::uint64_t count :
       {std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 1, std::uint64_t{3} << 40}) {
    RandomStream stream({.seed = 5, .purpose = "test"});
    constexpr int kDraws = 20000;
    double sum = 0;
    for (int i = 0; i < kDraws; ++i) {
      const std::uint64_t draw = stream.large_integer(count);
      ASSERT_LT(draw, count);
      sum += static_cast<double>(draw) / static_cast<double>(count);
    }
    EXPECT_NEAR(sum / kDraws, 0.5, 4 * std::sqrt(1.0 / 12 / kDraws)) << count;
  }
}

TEST(Random, PermutationsHoldEveryIndexOnce) {
  const auto order = RandomStream({.purpose = "order"}).permutation(1000);
  EXPECT_EQ(std::set<std::int64_t>(order.begin(), order.end()).size(), 1000U);
  EXPECT_NE(order[0] * 1000 + order[1], 0 * 1000 + 1);
  EXPECT_TRUE(RandomStream({.purpose = "order"}).permutation(0).empty());
}

}  // namespace random_test
}  // namespace permafrost
