// SPDX-License-Identifier: Apache-2.0
#include "common/files/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include "common/error.h"
#include "common/files/file_writer.h"
#include "common/files/temporary.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

std::string name_of(fs::file_type kind) {
  switch (kind) {
    case fs::file_type::directory:
      return "a folder";
    case fs::file_type::fifo:
      return "a named pipe";
    case fs::file_type::socket:
      return "a socket";
    case fs::file_type::block:
    case fs::file_type::character:
      return "a device";
    default:
      return "something else";
  }
}

}  // namespace

std::string read_file(const fs::path& path) {
  std::error_code ignored;
  // A named pipe would be waited for, and a device may never end.
  if (const auto kind = fs::status(path, ignored).type();
      kind != fs::file_type::regular && kind != fs::file_type::not_found &&
      kind != fs::file_type::none && kind != fs::file_type::unknown)
    throw InputError(path.string(), "", "a readable file", name_of(kind));
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path.string(), "", "a readable file", system_reason());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  FileWriter writer(path);
  writer.write(bytes);
  writer.finish();
}

void require_writable_directory(const fs::path& path, const std::string& flag) {
  std::error_code failure;
  fs::create_directories(path, failure);
  if (failure)
    throw InputError(flag, "", "a folder that can be written to",
                     quoted(path.string()) + ": " + failure.message());
  try {
    const Temporary probe = make_temporary_file(path, "probe");
    ::unlink(probe.path.c_str());
    ::close(probe.descriptor);
  } catch (const std::system_error& error) {
    throw InputError(flag, "", "a folder that can be written to",
                     quoted(path.string()) + ": " + error.code().message());
  }
}

MappedFile::MappedFile(const fs::path& path) {
  // Not blocking: a named pipe would be waited for, and is refused below.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw InputError(path.string(), "", "a readable file", system_reason());
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    throw InputError(path.string(), "", "a regular file", "something else");
  }
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ > 0) {
    // Not reserved: a file larger than the memory of the machine can be mapped, as few write to it.
    void* address =
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
    if (address == MAP_FAILED) {
      const std::string why = system_reason();
      ::close(descriptor);
      throw Error(path.string() + ": cannot map: " + why);
    }
    data_ = static_cast<std::uint8_t*>(address);
  }
  ::close(descriptor);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace permafrost
