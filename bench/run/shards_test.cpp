// SPDX-License-Identifier: Apache-2.0
#include "bench/run/shards.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/testing/test_messages.h"
#include "common/random.h"

namespace permafrost {
namespace shards_test {

std::vector<std::int64_t> loads(const std::vector<ShardWork>& works, const std::vector<int>& of,
                                int shards) {
  std::vector<std::int64_t> load(static_cast<std::size_t>(shards), 0);
  for (std::size_t w = 0; w < works.size(); ++w)
    load.at(static_cast<std::size_t>(of[w])) += works[w].milliseconds;
  return load;
}

std::vector<ShardWork> random_works(int count, std::uint64_t seed) {
  RandomStream random({.seed = seed, .purpose = "test.works"});
  std::vector<ShardWork> works;
  for (int w = 0; w < count; ++w)
    works.push_back({"work " + std::to_string(w), 1 + random.integer(1000)});
  return works;
}

TEST(Shards, AreNamedFromZero) {
  EXPECT_EQ(shard_named("0/1", "--shard").count, 1);
  const WorkShard last = shard_named("15/16", "--shard");
  EXPECT_EQ(last.index, 15);
  EXPECT_EQ(last.count, 16);
  EXPECT_EQ(to_text(last), "shard 15/16");
}

TEST(Shards, RefuseWhatIsNone) {
  for (const auto* text : {"", "/", "1", "1/", "/4", "0/0", "a/b", "-1/4", "1/-4", "+1/4", " 1/4",
                           "1/4 ", "1/4/2", "0.5/4", "0/65537", "0/99999999999999999999"})
    EXPECT_TRUE(holds(message_of([&] { shard_named(text, "--shard"); }),
                      "--shard: expected I/N such as 0/16"))
        << text;
  const std::string beyond = message_of([] { shard_named("4/4", "--shard"); });
  EXPECT_TRUE(holds(beyond, "a shard from 0 to 3")) << beyond;
  EXPECT_TRUE(holds(beyond, "shards count from 0")) << beyond;
}

TEST(Shards, GetTheLargestWorkFirst) {
  const std::vector<ShardWork> works{{"d", 3}, {"a", 7}, {"c", 3}, {"b", 5}};
  EXPECT_EQ(dealt(works, 2), (std::vector<int>{0, 0, 1, 1}));  // a d | b c
  EXPECT_EQ(dealt(works, 1), (std::vector<int>{0, 0, 0, 0}));
  const auto apart = dealt(works, 9);  // more shards than works
  EXPECT_EQ(apart, (std::vector<int>{3, 0, 2, 1}));
  EXPECT_TRUE(dealt({}, 3).empty());
}

TEST(Shards, DoNotDependOnTheOrderOfTheWorks) {
  auto works = random_works(60, 1);
  works[5].milliseconds = works[7].milliseconds = works[9].milliseconds = 500;
  const auto of = dealt(works, 7);
  auto turned = works;
  std::reverse(turned.begin(), turned.end());
  auto back = dealt(turned, 7);
  std::reverse(back.begin(), back.end());
  EXPECT_EQ(back, of);
}

TEST(Shards, AreNearlyEvenlyLoaded) {
  for (const int shards : {2, 3, 8, 64}) {
    const auto works = random_works(200, static_cast<std::uint64_t>(shards));
    const auto of = dealt(works, shards);
    const auto load = loads(works, of, shards);
    std::int64_t sum = 0, largest = 0;
    for (const auto& work : works) {
      sum += work.milliseconds;
      largest = std::max(largest, work.milliseconds);
    }
    // The one that got the last of the longest shard had the least then.
    const auto most = *std::max_element(load.begin(), load.end());
    EXPECT_LE(static_cast<double>(most),
              static_cast<double>(sum) / shards + static_cast<double>(largest));
    if (shards > 8) continue;  // some 3 works a shard
    EXPECT_LE(static_cast<double>(most), 1.02 * static_cast<double>(sum) / shards);
  }
}

TEST(Shards, NeedNamesOfTheirOwn) { EXPECT_THROW(dealt({{"a", 1}, {"a", 2}}, 2), Error); }

}  // namespace shards_test
}  // namespace permafrost
