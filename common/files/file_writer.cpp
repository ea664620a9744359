// SPDX-License-Identifier: Apache-2.0
#include "common/files/file_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "common/error.h"
#include "common/files/temporary.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr int kMostLinks = 40;  // as the kernel
constexpr const char* kOwnDescriptors = "/proc/self/fd";

[[noreturn]] void throw_no_place(const fs::path& path, const std::string& found,
                                 const std::string& hint = "") {
  throw InputError(path.string(), "", "a place where a file can be written", found, hint);
}

bool is_same_folder(const fs::path& a, const char* b) {
  struct stat first {
  }, second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// The number of a descriptor of this process that the path stands for; -1 else.
int own_descriptor(const fs::path& path) {
  const std::string name = path.filename().string();
  int number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number < 0) return -1;
  return is_same_folder(path.parent_path(), kOwnDescriptors) ? number : -1;
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

struct Place {
  fs::path path;  // behind links
  int own = -1;   // a descriptor of this process
};

Place behind_links(const fs::path& given) {
  Place place{.path = given};
  for (int links = 0; links < kMostLinks; ++links) {
    place.own = own_descriptor(place.path);
    std::error_code error;
    if (place.own >= 0 || fs::symlink_status(place.path, error).type() != fs::file_type::symlink)
      return place;
    const fs::path link = fs::read_symlink(place.path, error);
    if (error) throw_no_place(given, error.message());
    place.path = folder_of(place.path) / link;  // `link` alone where it is absolute
  }
  throw_no_place(given, std::strerror(ELOOP));
}

enum class How { replace, write_into, take_own };

struct Target {
  Place place;
  How how = How::replace;
  int mode = -1;  // permissions of the file that is there
};

// Throws InputError for what can never be written.
Target target_of(const fs::path& path) {
  Target target{.place = behind_links(path)};
  if (target.place.own >= 0) {
    target.how = How::take_own;
    return target;
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) throw_no_place(path, system_reason());
    if (!target.place.path.has_filename()) throw_no_place(path, "the name of a folder");
    return target;
  }
  if (S_ISDIR(status.st_mode)) throw_no_place(path, "a folder");
  if (S_ISSOCK(status.st_mode)) throw_no_place(path, "a socket");
  if (S_ISREG(status.st_mode))
    target.mode = static_cast<int>(status.st_mode & 0777U);
  else
    target.how = How::write_into;
  return target;
}

void create_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) throw InputError(folder.string(), "", "a folder to write to", failure.message());
}

Temporary make_beside(const fs::path& target) {
  const fs::path folder = folder_of(target);
  try {
    return make_temporary_file(folder, target.filename().string());
  } catch (const std::system_error& error) {
    throw InputError(folder.string(), "", "a folder to write to", error.code().message());
  }
}

// The path, or what is there of the way to it.
fs::path nearest_there(fs::path folder) {
  std::error_code ignored;
  while (!fs::exists(folder, ignored)) {
    if (folder == folder_of(folder)) return folder;
    folder = folder_of(folder);
  }
  return folder;
}

int open_stream(const fs::path& path, const Target& target) {
  const int descriptor = target.how == How::take_own
                             ? ::fcntl(target.place.own, F_DUPFD_CLOEXEC, 3)
                             : ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) throw_no_place(path, system_reason());
  return descriptor;
}

// Devices, pipes and some file systems have nothing to sync, and say so.
bool sync(int descriptor) {
  return ::fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS ||
         errno == EROFS;
}

void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

FileWriter::FileWriter(const fs::path& path) : path_(path) {
  // The folder of a link's target is not created: a disk that is not mounted would be filled below
  // its mount point.
  const Target target = target_of(path);
  create_folder(folder_of(path));
  target_ = target.place.path;
  mode_ = target.mode;
  if (target.how != How::replace) {
    descriptor_ = open_stream(path, target);
    return;
  }
  const Temporary temporary = make_beside(target_);
  temporary_ = temporary.path;
  descriptor_ = temporary.descriptor;
}

FileWriter::~FileWriter() {
  if (descriptor_ < 0) return;
  if (is_replacing()) ::unlink(temporary_.c_str());
  close();
}

void FileWriter::close() {
  ::close(descriptor_);
  descriptor_ = -1;
}

void FileWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw Error(path_.string() + ": cannot write: " + system_reason());
    bytes.remove_prefix(static_cast<std::size_t>(written));
    size_ += static_cast<std::uint64_t>(written);
  }
}

void FileWriter::cut(std::uint64_t size) {
  const auto end = static_cast<off_t>(size);
  if (!is_replacing())
    throw Error(path_.string() + ": what was written to a device or pipe cannot be taken back");
  if (::ftruncate(descriptor_, end) != 0 || ::lseek(descriptor_, end, SEEK_SET) != end)
    throw Error(path_.string() + ": cannot write: " + system_reason());
  size_ = size;
}

void FileWriter::rewrite(std::uint64_t offset, std::string_view bytes) {
  if (!is_replacing())
    throw Error(path_.string() + ": what was written to a device or pipe cannot be changed");
  if (offset + bytes.size() > size_) throw Error(path_.string() + ": rewrite behind the end");
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw Error(path_.string() + ": cannot write: " + system_reason());
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

void FileWriter::finish() {
  if (is_replacing() && mode_ >= 0) ::fchmod(descriptor_, static_cast<mode_t>(mode_));
  if (!sync(descriptor_)) throw Error(path_.string() + ": cannot sync: " + system_reason());
  if (!is_replacing()) {
    close();
    return;
  }
  // Locked until it has its name, so that nobody takes it for a leaving.
  if (::rename(temporary_.c_str(), target_.c_str()) != 0)
    throw_no_place(path_, system_reason(),
                   errno == EBUSY ? "it is mounted by itself; mount the folder around it" : "");
  close();
  sync_folder(folder_of(target_));
}

void require_writable_file(const fs::path& path, const std::string& flag) {
  try {
    const Target target = target_of(path);
    if (target.how == How::take_own) return;
    if (target.how == How::write_into) {
      if (::access(path.c_str(), W_OK) != 0) throw_no_place(path, system_reason());
      return;
    }
    const fs::path folder = nearest_there(folder_of(target.place.path));
    if (::access(folder.c_str(), W_OK | X_OK) != 0)
      throw InputError(folder.string(), "", "a folder to write to", system_reason());
  } catch (const InputError& error) {
    throw Error(flag + ": " + error.what(), error.exit_status());
  }
}

}  // namespace permafrost
