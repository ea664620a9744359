// SPDX-License-Identifier: Apache-2.0
#include "common/files/folder_lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "common/error.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace folder_lock_test {

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class FolderLocks : public testing::Test {
 protected:
  std::string complaint() const {
    return message_of([&] { FolderLock(folder_, "--out"); });
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

TEST_F(FolderLocks, OfPartsAreHeldBesideEachOther) {
  const FolderLock first(folder_, "--out", {0, 3});
  const FolderLock last(folder_, "--out", {2, 3});
  const auto part = [&](int index, int count) {
    return message_of([&] { FolderLock(folder_, "--out", {index, count}); });
  };
  EXPECT_EQ(part(1, 3), "");
  EXPECT_TRUE(holds(part(2, 3), "process " + std::to_string(::getpid()))) << part(2, 3);
  // Another count divides the work otherwise.
  EXPECT_TRUE(holds(part(1, 2), "/3, process " + std::to_string(::getpid()))) << part(1, 2);
}

TEST_F(FolderLocks, OfPartsKeepOutWhoeverWantsTheFolderAlone) {
  { const FolderLock before(folder_, "--out"); }  // whose name stays in the file
  auto part = std::make_unique<FolderLock>(folder_, "--out", FolderPart{1, 2});
  const std::string told = complaint();
  EXPECT_TRUE(holds(told, "held by shard 1/2, process " + std::to_string(::getpid()))) << told;
  part.reset();
  EXPECT_EQ(complaint(), "");
  const FolderLock alone(folder_, "--out");
  EXPECT_TRUE(holds(message_of([&] {
                      FolderLock(folder_, "--out", {0, 2});
                    }),
                    "held by process " + std::to_string(::getpid())));
}

TEST_F(FolderLocks, OfAKilledPartHoldNothing) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    FolderLock lock(folder_, "--out", {0, 2});
    if (::write(ready[1], "x", 1) == 1) ::pause();
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_TRUE(holds(complaint(), "shard 0/2, process " + std::to_string(child))) << complaint();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_ / ".lock-0-of-2"));
  EXPECT_EQ(message_of([&] { FolderLock(folder_, "--out", {0, 2}); }), "");
  EXPECT_EQ(complaint(), "");
}

// Whoever looks takes the lock of a part for a moment: that must not turn the part away.
TEST_F(FolderLocks, OfPartsAreNotTurnedAwayByALook) {
  const FolderLock holder(folder_, "--out", {1, 2});
  { const FolderLock once(folder_, "--out", {0, 2}); }
  std::atomic<bool> stop = false;
  std::thread looking([&] {
    while (!stop) complaint();
  });
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(message_of([&] { FolderLock(folder_, "--out", {0, 2}); }), "");
  stop = true;
  looking.join();
}

TEST_F(FolderLocks, NeedAFolder) {
  EXPECT_THROW(FolderLock(folder_ / "none", "--out"), InputError);
}

}  // namespace folder_lock_test
}  // namespace permafrost
