// SPDX-License-Identifier: Apache-2.0
#include "common/files/file_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <future>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace file_writer_test {
namespace fs = std::filesystem;

class Writer : public testing::Test {
 protected:
  // A device in this test's own folder; false where this user may not make any.
  bool make_device(const char* name, unsigned major, unsigned minor) const {
    return ::mknod((folder_ / name).c_str(), S_IFCHR | 0666, makedev(major, minor)) == 0;
  }
  fs::file_type kind_of(const char* name) const {
    return fs::symlink_status(folder_ / name).type();
  }
  std::string refusal(const fs::path& path) const {
    try {
      write_file_atomically(path, "x");
    } catch (const InputError& error) {
      return folder_.without_path(error.what());
    }
    return "";
  }

  const TestFolder folder_;
};

TEST_F(Writer, WritesPiecesThatAppearTogether) {
  FileWriter writer(folder_ / "new/a");
  writer.write("one ");
  writer.write("two three");
  writer.cut(8);
  EXPECT_EQ(writer.size(), 8U);
  writer.write("four");
  EXPECT_FALSE(fs::exists(folder_ / "new/a"));
  writer.finish();
  EXPECT_EQ(read_file(folder_ / "new/a"), "one two four");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "new"), fs::directory_iterator()), 1);
}

TEST_F(Writer, PutsOtherBytesInPlaceOfWrittenOnes) {
  FileWriter writer(folder_ / "a");
  writer.write("____ two");
  writer.rewrite(0, "one,");
  writer.write(" three");
  EXPECT_THROW(writer.rewrite(13, "xx"), Error);  // behind the end
  writer.finish();
  EXPECT_EQ(read_file(folder_ / "a"), "one, two three");
}

TEST_F(Writer, LeavesWhatWasThereUnlessItFinishes) {
  write_file_atomically(folder_ / "a", "before");
  { FileWriter(folder_ / "a").write("half"); }
  EXPECT_EQ(read_file(folder_ / "a"), "before");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(Writer, ALinkStaysALink) {
  write_file_atomically(folder_ / "far/a", "before");
  fs::create_symlink("far/a", folder_ / "link");            // relative to the link
  fs::create_symlink(folder_ / "link", folder_ / "chain");  // absolute
  write_file_atomically(folder_ / "chain", "after");
  EXPECT_EQ(read_file(folder_ / "far/a"), "after");
  EXPECT_EQ(kind_of("link"), fs::file_type::symlink);
  EXPECT_EQ(kind_of("chain"), fs::file_type::symlink);
  // Beside the target, so that it can be renamed on its own disk.
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "far"), fs::directory_iterator()), 1);

  fs::create_symlink("far/new", folder_ / "dangling");
  write_file_atomically(folder_ / "dangling", "made");
  EXPECT_EQ(read_file(folder_ / "far/new"), "made");
  fs::create_symlink("unmounted/a", folder_ / "lost");
  EXPECT_NE(refusal(folder_ / "lost").find("unmounted"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "unmounted"));
  fs::create_symlink("loop", folder_ / "loop");
  EXPECT_NE(refusal(folder_ / "loop").find(std::strerror(ELOOP)), std::string::npos);
}

TEST_F(Writer, WritesIntoAPipe) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  fs::create_symlink("pipe", folder_ / "link");
  for (const char* name : {"pipe", "link"}) {
    auto read = std::async(std::launch::async, [&] {
      std::string text(100, '\0');
      const int end = ::open((folder_ / "pipe").c_str(), O_RDONLY);
      text.resize(static_cast<std::size_t>(::read(end, text.data(), text.size())));
      ::close(end);
      return text;
    });
    write_file_atomically(folder_ / name, "through");
    EXPECT_EQ(read.get(), "through");
  }
  EXPECT_EQ(kind_of("pipe"), fs::file_type::fifo);
  EXPECT_EQ(kind_of("link"), fs::file_type::symlink);
}

TEST_F(Writer, WritesIntoADevice) {
  // The numbers of /dev/null and /dev/full.
  if (!make_device("null", 1, 3) || !make_device("full", 1, 7))
    GTEST_SKIP() << "this user may not make devices";
  try {
    write_file_atomically(folder_ / "null", "gone");
  } catch (const InputError&) {
    GTEST_SKIP() << "devices do nothing on this file system";
  }
  EXPECT_EQ(kind_of("null"), fs::file_type::character);
  require_writable_file(folder_ / "null", "--out");
  EXPECT_THROW(FileWriter(folder_ / "null").cut(0), Error);
  EXPECT_THROW(FileWriter(folder_ / "null").rewrite(0, ""), Error);
  try {
    write_file_atomically(folder_ / "full", "more");
    FAIL() << "wrote to a full device";
  } catch (const Error& error) {
    EXPECT_EQ(folder_.without_path(error.what()),
              std::string("full: cannot write: ") + std::strerror(ENOSPC));
    EXPECT_EQ(error.exit_status(), 1);
  }
  EXPECT_EQ(kind_of("full"), fs::file_type::character);
}

TEST_F(Writer, RefusesFoldersAndSockets) {
  fs::create_directory(folder_ / "folder");
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder_ / "socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(refusal(folder_ / "folder"),
            "folder: expected a place where a file can be written, found a folder");
  EXPECT_NE(refusal(folder_ / "folder/").find("found a folder"), std::string::npos);
  EXPECT_NE(refusal(folder_ / "new/").find("the name of a folder"), std::string::npos);
  EXPECT_EQ(refusal(folder_ / "socket"),
            "socket: expected a place where a file can be written, found a socket");
  EXPECT_EQ(kind_of("socket"), fs::file_type::socket);
  EXPECT_THROW(require_writable_file(folder_ / "socket", "--out"), Error);
  ::close(socket);
}

// As `--out /dev/stdout > file`: what was printed before stays.
TEST_F(Writer, WritesIntoDescriptorsOfThisProcess) {
  const int file = ::open((folder_ / "a").c_str(), O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(::write(file, "before ", 7), 7);
  const fs::path own = "/proc/self/fd/" + std::to_string(file);
  write_file_atomically(own, "and ");
  fs::create_symlink(own, folder_ / "link");
  write_file_atomically(folder_ / "link", "after");
  EXPECT_EQ(read_file(folder_ / "a"), "before and after");
  ::close(file);
}

TEST_F(Writer, KeepsPermissionsAndHeedsTheUmask) {
  const auto bits = [&](const char* name) {
    return static_cast<unsigned>(fs::status(folder_ / name).permissions());
  };
  write_file_atomically(folder_ / "a", "x");
  fs::permissions(folder_ / "a", static_cast<fs::perms>(0600));
  write_file_atomically(folder_ / "a", "y");
  EXPECT_EQ(bits("a"), 0600U);
  const mode_t before = ::umask(027);
  write_file_atomically(folder_ / "b", "x");
  ::umask(before);
  EXPECT_EQ(bits("b"), 0640U);
}

TEST_F(Writer, TakesAnyNameThatAFileSystemTakes) {
  for (const std::string& name : {std::string(255, 'n'), std::string("with space\nline\t\"quote'"),
                                  std::string("\xff\xfe")}) {
    write_file_atomically(folder_ / name, name);
    EXPECT_EQ(read_file(folder_ / name), name);
  }
  EXPECT_NE(refusal(folder_ / std::string(256, 'n')).find(std::strerror(ENAMETOOLONG)),
            std::string::npos);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 3);
}

TEST_F(Writer, ProvesAPlaceWithoutTouchingIt) {
  write_file_atomically(folder_ / "a", "x");
  require_writable_file(folder_ / "a", "--out");
  require_writable_file(folder_ / "new/deep/b", "--out");
  EXPECT_EQ(read_file(folder_ / "a"), "x");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
  try {
    require_writable_file(folder_ / "a/below", "--out");
    FAIL() << "a file is no folder";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("--out: ", 0), 0U) << error.what();
    EXPECT_EQ(error.exit_status(), 2);
  }
}

}  // namespace file_writer_test
}  // namespace permafrost
