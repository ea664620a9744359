// SPDX-License-Identifier: Apache-2.0
#include "common/files/folder_lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "common/error.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace {

class FolderLocks : public testing::Test {
 protected:
  std::string complaint() const {
    try {
      FolderLock lock(folder_, "--out");
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }
  const TestFolder folder_;
};

TEST_F(FolderLocks, NameTheOwner) {
  auto lock = std::make_unique<FolderLock>(folder_, "--out");
  const std::string told = complaint();
  EXPECT_EQ(told.rfind("--out: expected a folder that no other run is writing to", 0), 0U) << told;
  EXPECT_NE(told.find("process " + std::to_string(::getpid()) + " on "), std::string::npos) << told;
  lock.reset();
  EXPECT_EQ(complaint(), "");
}

TEST_F(FolderLocks, EndWithAKilledProcess) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    FolderLock lock(folder_, "--out");
    if (::write(ready[1], "x", 1) == 1) ::pause();
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_NE(complaint().find("process " + std::to_string(child)), std::string::npos);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_ / ".lock"));  // left behind, and locks nothing
  EXPECT_EQ(complaint(), "");
}

TEST_F(FolderLocks, NeedAFolder) {
  EXPECT_THROW(FolderLock(folder_ / "none", "--out"), InputError);
}

}  // namespace
}  // namespace permafrost
