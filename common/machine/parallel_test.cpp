// SPDX-License-Identifier: Apache-2.0
#include "common/machine/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "common/files/files.h"
#include "common/machine/threads.h"
#include "common/testing/test_folder.h"
#include "common/testing/thread_limit.h"

namespace permafrost {
namespace parallel_test {

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

TEST(Parallel, DoesAllWithTheThreadsThatTheSystemGives) {
  SKIP_WITHOUT_THREAD_LIMIT();
  for (const int given : {0, 1, 3}) {
    const ThreadLimit limit(given);
    std::vector<std::atomic<int>> visits(200);
    std::mutex mutex;
    std::set<std::thread::id> seen;
    parallel_for(200, 8, [&](std::int64_t i) {
      ++visits[static_cast<std::size_t>(i)];
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
    for (const auto& count : visits) EXPECT_EQ(count, 1);
    EXPECT_LE(seen.size(), 1U + static_cast<unsigned>(given));
  }
  const ThreadLimit limit(2);
  std::atomic<int> ran = 0;
  const std::function<void()> work = [&] { ++ran; };
  EXPECT_EQ(start_threads(5, work).size(), 2U);  // joined at the end of this line
  EXPECT_EQ(ran, 2);
}

TEST(Parallel, HandsTheErrorToTheCallerWithoutThreads) {
  SKIP_WITHOUT_THREAD_LIMIT();
  const ThreadLimit limit(0);
  EXPECT_THROW(parallel_for(50, 3,
                            [](std::int64_t i) {
                              if (i == 20) throw std::runtime_error("twenty");
                            }),
               std::runtime_error);
}

TEST(Parallel, AlwaysOffersAThread) { EXPECT_GE(available_threads(), 1); }

TEST(Parallel, OffersNoMoreThanTheControlGroupAllows) {
  const TestFolder root;
  const auto write = [&](const std::string& path, const std::string& text) {
    write_file_atomically(root / path, text);
  };
  const int machine = available_threads("/no/such/folder");
  write("proc/self/cgroup", "0::/job/step\n");
  write("sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
  EXPECT_EQ(available_threads(root), machine);
  write("sys/fs/cgroup/job/cpu.max", "50000 100000\n");  // half a processor, of the group above
  EXPECT_EQ(available_threads(root), 1);
  write("sys/fs/cgroup/job/cpu.max", "150000 100000\n");
  EXPECT_EQ(available_threads(root), std::min(machine, 2));
  write("proc/self/cgroup", "3:cpu,cpuacct:/pod\n");
  write("sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(available_threads(root), machine);
  write("sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(available_threads(root), 1);
}

}  // namespace parallel_test
}  // namespace permafrost
