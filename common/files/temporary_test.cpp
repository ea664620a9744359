// SPDX-License-Identifier: Apache-2.0
#include "common/files/temporary.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace temporary_test {
namespace fs = std::filesystem;

class TemporaryFiles : public testing::Test {
 protected:
  // As a program leaves it that is killed: its lock ends, the file stays.
  fs::path left(const std::string& name, bool folder = false) {
    const Temporary made =
        folder ? make_temporary_folder(folder_, name) : make_temporary_file(folder_, name);
    ::close(made.descriptor);
    return made.path;
  }

  // The name that another host would have given.
  fs::path of_another_host(const fs::path& path) {
    std::string name = path.string();
    char& digit = name[name.size() - 13 - 8];
    digit = digit == '0' ? '1' : '0';
    fs::rename(path, name);
    return name;
  }

  static void make_older(const fs::path& path, int hours) {
    fs::last_write_time(path, fs::last_write_time(path) - std::chrono::hours(hours));
  }

  const TestFolder folder_;
};

TEST_F(TemporaryFiles, RemovesWhatKilledProgramsLeft) {
  const fs::path file = left("a.json"), inside = left("model", true) / "deep";
  write_file_atomically(inside, "x");
  const Temporary held = make_temporary_file(folder_, "b.json");
  const Temporary held_folder = make_temporary_folder(folder_, "c");
  remove_leavings(folder_);
  EXPECT_FALSE(fs::exists(file));
  EXPECT_FALSE(fs::exists(inside.parent_path()));
  EXPECT_TRUE(fs::exists(held.path));
  EXPECT_TRUE(fs::exists(held_folder.path));
  ::close(held.descriptor);
  ::close(held_folder.descriptor);
  remove_leavings(folder_);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(TemporaryFiles, LeavesThoseOfOtherProcesses) {
  int ready[2], done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(done[1]);
    const Temporary made = make_temporary_file(folder_, "theirs");
    char byte = made.descriptor >= 0 ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    static_cast<void>(::read(done[0], &byte, 1));
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  remove_leavings(folder_);
  EXPECT_FALSE(fs::is_empty(folder_));
  ::close(done[1]);
  ::waitpid(child, nullptr, 0);
  remove_leavings(folder_);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(TemporaryFiles, LeavesThoseOfOtherHostsForADay) {
  const fs::path young = of_another_host(left("a")), old = of_another_host(left("b"));
  make_older(young, 23);
  make_older(old, 25);
  remove_leavings(folder_);
  EXPECT_TRUE(fs::exists(young));
  EXPECT_FALSE(fs::exists(old));
  // A clock that was set back: written in the future.
  make_older(young, -1000);
  remove_leavings(folder_);
  EXPECT_TRUE(fs::exists(young));
}

TEST_F(TemporaryFiles, LeavesEverythingElse) {
  for (const char* name : {".partial-mine", ".partial-", ".partial-x.0123456-0123456789ab",
                           ".partial-x.01234567-0123456789aX", "x.01234567-0123456789ab"})
    std::ofstream(folder_ / name) << "x";
  write_file_atomically(folder_ / "elsewhere/file", "x");
  const fs::path name = left("gone");
  fs::remove(name);
  fs::create_symlink(folder_ / "elsewhere", name);  // is not followed
  remove_leavings(folder_);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 7);
  EXPECT_TRUE(fs::exists(folder_ / "elsewhere/file"));
  remove_leavings(folder_ / "absent");
}

TEST_F(TemporaryFiles, TheFirstFileOfAProcessInAFolderRemovesLeavings) {
  // Another process made and left it, so this one has not looked at the folder.
  const pid_t child = ::fork();
  if (child == 0) {
    make_temporary_file(folder_, "theirs");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  ASSERT_FALSE(fs::is_empty(folder_));
  write_file_atomically(folder_ / "mine", "x");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

}  // namespace temporary_test
}  // namespace permafrost
