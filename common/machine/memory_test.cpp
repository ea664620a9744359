// SPDX-License-Identifier: Apache-2.0
#include "common/machine/memory.h"

#include <gtest/gtest.h>

#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace memory_test {

class FreeMemory : public testing::Test {
 protected:
  void SetUp() override {
    write("proc/meminfo",
          "MemTotal:       9000 kB\nMemFree:        1 kB\nMemAvailable:   8000 kB\n");
  }
  void write(const std::string& path, const std::string& text) const {
    write_file_atomically(root_ / path, text);
  }
  std::optional<double> free() const { return free_memory_bytes(root_); }
  const TestFolder root_;
};

TEST_F(FreeMemory, IsWhatTheMachineHas) {
  EXPECT_EQ(free(), 8000 * 1024);
  write("proc/self/cgroup", "0::/user.slice\n");
  write("sys/fs/cgroup/user.slice/memory.max", "max\n");
  write("sys/fs/cgroup/user.slice/memory.current", "5\n");
  EXPECT_EQ(free(), 8000 * 1024);
  std::filesystem::remove_all(root_ / "proc");
  EXPECT_EQ(free(), std::nullopt);
  EXPECT_GT(free_memory_bytes().value(), 1e6);  // of this machine
}

TEST_F(FreeMemory, TellsTheMostThatThisProcessHeld) {
  EXPECT_EQ(peak_memory_bytes(root_), std::nullopt);
  write("proc/self/status", "Name:\ta b c\nVmPeak:\t 9 kB\nVmHWM:\t  7 kB\n");
  EXPECT_EQ(peak_memory_bytes(root_), 7 * 1024);
  EXPECT_GT(peak_memory_bytes().value(), 1e6);  // of this process
}

TEST_F(FreeMemory, IsBoundByAGroupAboveToo) {
  write("proc/self/cgroup", "0::/job_7/step_0\n");
  write("sys/fs/cgroup/job_7/memory.max", "1000000\n");
  write("sys/fs/cgroup/job_7/memory.current", "700000\n");
  write("sys/fs/cgroup/job_7/memory.stat", "anon 650000\ninactive_file 50000\n");
  write("sys/fs/cgroup/job_7/step_0/memory.max", "max\n");
  write("sys/fs/cgroup/job_7/step_0/memory.current", "700000\n");
  EXPECT_EQ(free(), 350000);
  write("sys/fs/cgroup/job_7/memory.current", "1200000\n");
  EXPECT_EQ(free(), 0);
}

// A container sees its own group as the root, and may be told the host's path.
TEST_F(FreeMemory, IsBoundInAContainer) {
  write("proc/self/cgroup", "0::/not/seen/here\n");
  write("sys/fs/cgroup/memory.max", "2000000\n");
  write("sys/fs/cgroup/memory.current", "500000\n");
  EXPECT_EQ(free(), 1500000);
}

TEST_F(FreeMemory, KnowsTheFirstVersionOfGroups) {
  write("proc/self/cgroup", "9:cpu,cpuacct:/a\n4:memory:/a/b\n0::/\nnonsense\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
  EXPECT_EQ(free(), 8000 * 1024);
  write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3000000\n");
  write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "2000000\n");
  write("sys/fs/cgroup/memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n");
  EXPECT_EQ(free(), 1000100);
}

}  // namespace memory_test
}  // namespace permafrost
