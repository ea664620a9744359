// SPDX-License-Identifier: Apache-2.0
#include "models/processes/shared_work.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "models/testing/thread_ranks.h"

namespace permafrost {
namespace shared_work_test {

TEST(SharedWork, EveryPieceIsDoneByOneRank) {
  std::mutex mutex;
  std::multiset<std::int64_t> done;
  run_as_ranks(3, [&](ProcessGroup& group) {
    for_my_pieces(&group, 8, 2, [&](std::int64_t piece) {
      EXPECT_TRUE(is_mine(&group, piece));
      const std::lock_guard lock(mutex);
      done.insert(piece);
    });
    for_my_pieces(&group, 0, 2, [](std::int64_t) { FAIL(); });
  });
  EXPECT_EQ(done, (std::multiset<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(SharedWork, RowsOfAllRanksOnEach) {
  run_as_ranks(3, [](ProcessGroup& group) {
    const at::Tensor expected = at::arange(7 * 2, at::kFloat).view({7, 2});
    const at::Tensor rows = at::zeros({7, 2});
    for_my_pieces(&group, 4, 1, [&](std::int64_t piece) {
      const std::int64_t begin = piece * 2, end = std::min<std::int64_t>(7, begin + 2);
      rows.slice(0, begin, end).copy_(expected.slice(0, begin, end));
    });
    share_rows(&group, {rows}, 2);
    EXPECT_TRUE(at::equal(rows, expected));
  });
}

TEST(SharedWork, TextsOfAllRanksOnEach) {
  run_as_ranks(2, [](ProcessGroup& group) {
    std::vector<std::string> texts(4);
    share_texts(&group, texts);
    EXPECT_EQ(texts, std::vector<std::string>(4));
    if (group.rank() == 0) texts[2] = "3:a:\n";
    if (group.rank() == 1) texts[3] = std::string("\0\xff", 2);
    share_texts(&group, texts);
    EXPECT_EQ(texts, (std::vector<std::string>{"", "", "3:a:\n", std::string("\0\xff", 2)}));
  });
}

TEST(SharedWork, AloneNothingIsExchanged) {
  std::vector<std::string> texts{"a"};
  share_texts(nullptr, texts);
  share_rows(nullptr, {at::zeros({2})}, 1);
  EXPECT_EQ(texts[0], "a");
  EXPECT_TRUE(is_mine(nullptr, 5));
}

}  // namespace shared_work_test
}  // namespace permafrost
