// SPDX-License-Identifier: Apache-2.0
#include "common/files/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "common/error.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace files_test {
namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  const TestFolder folder_;
};

TEST_F(Files, WritesWholeFilesAndLeavesNothingElse) {
  const fs::path path = folder_ / "new" / "deep" / "a.txt";
  write_file_atomically(path, "first");
  write_file_atomically(path, "second");
  EXPECT_EQ(read_file(path), "second");
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(path.parent_path())) ++entries;
  EXPECT_EQ(entries, 1);
}

TEST_F(Files, NamesWhatCannotBeRead) {
  try {
    read_file(folder_ / "absent");
    FAIL() << "read a file that is not there";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("absent"), std::string::npos);
    EXPECT_EQ(error.exit_status(), 2);
  }
  EXPECT_THROW(read_file(folder_), InputError);
}

TEST_F(Files, ANamedPipeIsRefusedNotWaitedFor) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  try {
    read_file(folder_ / "pipe");
    FAIL() << "read a pipe";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("a named pipe"), std::string::npos) << error.what();
  }
  EXPECT_THROW(read_file("/dev/zero"), InputError);
}

TEST_F(Files, RefusesAFolderBelowAFile) {
  write_file_atomically(folder_ / "file", "x");
  EXPECT_THROW(write_file_atomically(folder_ / "file" / "below", "y"), InputError);
  EXPECT_THROW(require_writable_directory(folder_ / "file" / "below", "--out"), InputError);
}

TEST_F(Files, ProbingAFolderLeavesItEmpty) {
  require_writable_directory(folder_ / "out", "--out");
  EXPECT_TRUE(fs::is_empty(folder_ / "out"));
}

TEST_F(Files, MapsWholeAndEmptyFiles) {
  write_file_atomically(folder_ / "data", std::string("a\0b", 3));
  const MappedFile mapped(folder_ / "data");
  ASSERT_EQ(mapped.size(), 3U);
  EXPECT_EQ(mapped.data()[2], 'b');
  write_file_atomically(folder_ / "empty", "");
  EXPECT_EQ(MappedFile(folder_ / "empty").size(), 0U);
  EXPECT_THROW(MappedFile(folder_ / "absent"), InputError);
  // Nothing waits for a pipe that nobody writes to.
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(MappedFile(folder_ / "pipe"), InputError);
}

TEST_F(Files, WhatIsWrittenToAMapStaysInTheProcess) {
  write_file_atomically(folder_ / "data", "abc");
  MappedFile mapped(folder_ / "data");
  mapped.data()[0] = 'X';
  EXPECT_EQ(mapped.data()[0], 'X');
  EXPECT_EQ(read_file(folder_ / "data"), "abc");
}

}  // namespace files_test
}  // namespace permafrost
