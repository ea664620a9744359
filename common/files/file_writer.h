// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one way in which a file is written: piece by piece, and there whole or not at all.
//
//   FileWriter writer("out/a.bin");
//   writer.write(header);
//   writer.write(values);
//   writer.finish();
//
// What the path names decides how:
//   a file, or nothing     is replaced by a rename; a file keeps its permissions
//   a link                 stays, and what it leads to is written
//   a device, a pipe       is written into, /dev/stdout and /proc/self/fd/N among them
//   a folder, a socket     is refused
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace permafrost {

// Not thread-safe; any number at a time.
class FileWriter {
 public:
  // Creates missing folders. A pipe waits for its reader. Throws InputError where nothing can be
  // written to.
  explicit FileWriter(const std::filesystem::path& path);
  ~FileWriter();  // without finish(): what was written to a file is gone
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  // Throws Error: the disk is full, the reader of a pipe is gone.
  void write(std::string_view bytes);
  // Takes back what was written after the first `size` bytes. Throws Error, as a device or a pipe
  // takes nothing back.
  void cut(std::uint64_t size);
  // Puts other bytes in place of some that were written. Throws Error as cut() does.
  void rewrite(std::uint64_t offset, std::string_view bytes);
  std::uint64_t size() const { return size_; }  // bytes written so far
  // Syncs and puts the file in its place. Throws Error, or InputError where it cannot get there.
  void finish();

 private:
  bool is_replacing() const { return !temporary_.empty(); }
  void close();

  std::filesystem::path path_;    // as it was given
  std::filesystem::path target_;  // the same behind links
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  int mode_ = -1;  // of the file that is replaced
  std::uint64_t size_ = 0;
};

// Whether a FileWriter could write to the path as things are, for before long work: nothing is
// changed or created. Throws Error (status 2) naming `flag`.
void require_writable_file(const std::filesystem::path& path, const std::string& flag);

}  // namespace permafrost
