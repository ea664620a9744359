// SPDX-License-Identifier: Apache-2.0
#include "models/training/stream_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace permafrost {
namespace stream_order_test {

std::vector<std::int64_t> clips_of(const StreamOrder& order, std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> clips;
  for (std::int64_t i = begin; i < end; ++i) clips.push_back(order.clip_at(i));
  return clips;
}

TEST(StreamOrder, EndlessStreamIsInItsOwnOrder) {
  const StreamOrder order(0);
  EXPECT_EQ(order.clip_at(0), 0);
  EXPECT_EQ(order.clip_at(123456789), 123456789);
}

TEST(StreamOrder, EveryPassHoldsEveryClipOnce) {
  const StreamOrder order(50);
  std::vector<std::int64_t> all(50);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(clips_of(order, 0, 50), all);  // in the order in which they are rendered
  const auto second = clips_of(order, 50, 100), third = clips_of(order, 100, 150);
  EXPECT_TRUE(std::is_permutation(second.begin(), second.end(), all.begin()));
  EXPECT_TRUE(std::is_permutation(third.begin(), third.end(), all.begin()));
  EXPECT_NE(second, all);
  EXPECT_NE(second, third);
}

TEST(StreamOrder, DoesNotDependOnWhatWasAskedBefore) {
  const StreamOrder order(7), other(7);
  const auto forwards = clips_of(order, 0, 35);
  for (std::int64_t i = 34; i >= 0; --i)
    EXPECT_EQ(other.clip_at(i), forwards[static_cast<std::size_t>(i)]) << i;
}

}  // namespace stream_order_test
}  // namespace permafrost
