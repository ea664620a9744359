// SPDX-License-Identifier: Apache-2.0
#include "models/processes/rank_watch.h"

#include <gtest/gtest.h>

#include <future>

namespace permafrost {
namespace rank_watch_test {

using namespace std::chrono_literals;
using Time = SignsOfLife::Time;

TEST(SignsOfLife, WhoIsSilentIsFound) {
  const Time start{};
  SignsOfLife signs(3, start);
  signs.note(0, "1 0 0", start + 5s);
  signs.note(1, "1 0 0", start + 1s);
  signs.note(1, "1 0 0", start + 9s);  // the same sign is none
  signs.note(2, "7 0 0", start + 8s);
  EXPECT_EQ(signs.silent(9s, start + 10s), std::nullopt);
  EXPECT_EQ(signs.silent(5s, start + 9500ms), 1);
  signs.note_left(1);
  EXPECT_EQ(signs.silent(5s, start + 9500ms), std::nullopt);
}

TEST(SignsOfLife, WhoKeepsTheOthersWaitingIsFound) {
  const Time start{};
  SignsOfLife signs(3, start);
  signs.note(0, "1 5 1", start + 1s);  // waits in operation 5
  signs.note(1, "1 4 0", start + 1s);  // has not come to it
  signs.note(2, "1 5 1", start + 3s);
  EXPECT_EQ(signs.late(10s, start + 9s), std::nullopt);
  EXPECT_EQ(signs.late(10s, start + 12s), 1);
  signs.note(1, "9 4 0", start + 12s);  // lives, and still does not come
  EXPECT_EQ(signs.late(10s, start + 13s), 1);
  signs.note(0, "9 6 1", start + 13s);
  EXPECT_EQ(signs.late(11s, start + 13s), std::nullopt);
}

// A rank of the test with its watch, and how it ended.
struct WatchedRank {
  WatchedRank(const std::shared_ptr<SharedStore>& store, int rank, Milliseconds timeout)
      : watch(store, {.rank = rank,
                      .ranks = 2,
                      .timeout = timeout,
                      .name_of = [](int r) { return "rank " + std::to_string(r) + " (here)"; },
                      .end =
                          [this](int status, const std::string& line) {
                            if (!is_over.exchange(true)) ended.set_value({status, line});
                          }}) {}
  std::pair<int, std::string> end() { return ended.get_future().get(); }

  std::promise<std::pair<int, std::string>> ended;
  std::atomic<bool> is_over = false;
  RankWatch watch;
};

TEST(RankWatch, ASilentRankEndsAll) {
  const auto store = store_in_this_process();
  WatchedRank first(store, 0, 300ms);
  {
    WatchedRank second(store, 1, 300ms);
    second.watch.stop();  // as if its machine were gone
    EXPECT_EQ(first.end(),
              std::pair(1, std::string("rank 1 (here) gave no sign of life for 0.3 s")));
  }
}

TEST(RankWatch, AVerdictEndsTheOthersInSilence) {
  const auto store = store_in_this_process();
  store->set("verdict", "2\nrank 0 has said why");
  WatchedRank second(store, 1, 10s);
  EXPECT_EQ(second.end(), std::pair(2, std::string()));
}

TEST(RankWatch, AFailureOfARankIsTheVerdict) {
  const auto store = store_in_this_process();
  WatchedRank first(store, 0, 10s);
  store->set("failure", "2\nrank 1 (there): clips.csv: expected a file, found none");
  EXPECT_EQ(first.end(), std::pair(2, std::string("rank 1 (there): clips.csv: expected a file, "
                                                  "found none")));
  EXPECT_EQ(store->find("verdict"), "2\nrank 1 (there): clips.csv: expected a file, found none");
}

TEST(RankWatch, ARankThatDoesNotComeToAStepIsNamed) {
  const auto store = store_in_this_process();
  WatchedRank first(store, 0, 400ms), second(store, 1, 400ms);
  first.watch.expect_steps_of(100ms);
  first.watch.enter();
  const auto [status, line] = first.end();
  EXPECT_EQ(status, 1);
  EXPECT_EQ(line,
            "rank 1 (here) lives and did not come to the step at which others have waited for "
            "0.5 s");
  EXPECT_EQ(second.end(), std::pair(1, std::string()));
}

TEST(RankWatch, AfterALostConnectionTheSilentRankIsNamed) {
  const auto store = store_in_this_process();
  WatchedRank first(store, 0, 2s);
  store->set("beat/1", "3 0 0");  // and never again
  first.watch.end_after_loss("connection closed by peer");
  EXPECT_EQ(first.end(),
            std::pair(1, std::string("rank 1 (here) is gone: connection closed by peer")));
}

}  // namespace rank_watch_test
}  // namespace permafrost
