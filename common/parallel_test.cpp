// SPDX-License-Identifier: Apache-2.0
#include "common/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace permafrost {
namespace {

TEST(Parallel, VisitsEveryIndexOnce) {
  for (const int threads : {1, 2, 7}) {
    std::vector<std::atomic<int>> visits(100);
    parallel_for(100, threads, [&](std::int64_t i) { ++visits[static_cast<std::size_t>(i)]; });
    for (const auto& count : visits) EXPECT_EQ(count, 1);
  }
  parallel_for(0, 2, [](std::int64_t) { FAIL(); });
}

TEST(Parallel, HandsTheErrorToTheCaller) {
  EXPECT_THROW(parallel_for(50, 3,
                            [](std::int64_t i) {
                              if (i == 20) throw std::runtime_error("twenty");
                            }),
               std::runtime_error);
}

TEST(Parallel, AlwaysOffersAThread) { EXPECT_GE(available_threads(), 1); }

}  // namespace
}  // namespace permafrost
