// SPDX-License-Identifier: Apache-2.0
#pragma once

// Files that appear whole or not at all, and files that are read without a copy.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace permafrost {

// The whole file. Throws InputError when it cannot be read.
std::string read_file(const std::filesystem::path& path);

// Writes beside the target, syncs, and renames: a reader sees the old bytes or the new ones, and a
// kill at any moment leaves no half of either. Links, devices and pipes: see file_writer.h. Creates
// missing folders. Throws Error (status 1), or InputError when the folder cannot be created or
// written to.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

// Creates the folder and proves that it can be written to. Throws InputError naming `flag`.
void require_writable_directory(const std::filesystem::path& path, const std::string& flag);

// Private memory map of a whole file: pages are read when they are first touched, and what is
// written to them stays in this process. Throws InputError when the file cannot be opened. (A file
// that is cut short by somebody else while it is mapped ends the process: SIGBUS.)
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::uint8_t* data() const { return data_; }
  std::uint8_t* data() { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace permafrost
