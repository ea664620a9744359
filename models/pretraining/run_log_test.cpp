// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/run_log.h"

#include <gtest/gtest.h>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace run_log_test {
namespace fs = std::filesystem;

class RunLogs : public testing::Test {
 protected:
  std::string text() const { return read_file(folder_ / "log.jsonl"); }
  const TestFolder folder_;
};

TEST_F(RunLogs, GoesOnWhereTheCheckpointWas) {
  LogMark mark;
  {
    RunLog log(folder_ / "log.jsonl");
    log.begin("first\n");
    log.add("second\n");
    mark = log.mark();
    log.add("lost with the weights\n");
  }
  EXPECT_EQ(mark.bytes, 13U);
  EXPECT_EQ(mark.sha256, sha256_of("first\nsecond\n"));
  RunLog log(folder_ / "log.jsonl");
  log.go_on(mark, "unused");
  EXPECT_EQ(text(), "first\nsecond\n");
  log.add("third\n");
  EXPECT_EQ(text(), "first\nsecond\nthird\n");
  EXPECT_EQ(log.mark().sha256, sha256_of("first\nsecond\nthird\n"));
}

TEST_F(RunLogs, RefusesAnotherLogAndChangesNothing) {
  const LogMark mark{.bytes = 6, .sha256 = sha256_of("first\n")};
  for (const char* other : {"firs\n", "", "other\nand more\n"}) {
    write_file_atomically(folder_ / "log.jsonl", other);
    RunLog log(folder_ / "log.jsonl");
    EXPECT_THROW(log.go_on(mark, ""), InputError) << other;
    EXPECT_EQ(text(), other);
  }
  fs::remove(folder_ / "log.jsonl");
  RunLog log(folder_ / "log.jsonl");
  log.go_on(mark, "new\n");
  EXPECT_EQ(text(), "new\n");
}

TEST_F(RunLogs, ComesBackWhenItsFolderWasTakenAway) {
  RunLog log(folder_ / "run/log.jsonl");
  log.begin("first\n");
  fs::remove_all(folder_ / "run");
  log.add("second\n");
  EXPECT_EQ(log.mark().bytes, 13U);
  EXPECT_EQ(read_file(folder_ / "run/log.jsonl"), "first\nsecond\n");
  log.add("third\n");
  EXPECT_EQ(read_file(folder_ / "run/log.jsonl"), "first\nsecond\nthird\n");
}

TEST_F(RunLogs, AFullDiskIsAnErrorAndNoHalfLine) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full on this system";
  write_file_atomically(folder_ / "a", "x");
  fs::create_symlink("/dev/full", folder_ / "full");
  RunLog log(folder_ / "full");
  EXPECT_THROW(log.begin("first\n"), Error);
}

}  // namespace run_log_test
}  // namespace permafrost
