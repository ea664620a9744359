// SPDX-License-Identifier: Apache-2.0
#include "common/files/temporary.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <set>
#include <string_view>
#include <system_error>
#include <vector>

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = ".partial-";
constexpr std::size_t kHostDigits = 8, kRandomDigits = 12;
constexpr std::size_t kLongestName = 150;  // bytes of NAME, so that all fits into the usual 255
constexpr std::int64_t kDay = 24 * 60 * 60;

// FNV-1a of the host's name.
std::string host_digits() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  std::uint32_t hash = 0x811c9dc5U;
  for (const char* c = host.data(); *c != '\0'; ++c)
    hash = (hash ^ static_cast<unsigned char>(*c)) * 0x01000193U;
  std::array<char, kHostDigits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", hash);
  return digits.data();
}

std::string random_digits() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number)
    throw std::system_error(errno, std::generic_category(), "getrandom");
  std::array<char, kRandomDigits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%012llx",
                static_cast<unsigned long long>(number & 0xffffffffffffULL));
  return digits.data();
}

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The digits of the host in a name that is a temporary's; empty else.
std::string host_in(const std::string& name) {
  const std::size_t tail = 1 + kHostDigits + 1 + kRandomDigits;
  if (!name.starts_with(kPrefix) || name.size() < kPrefix.size() + tail) return "";
  const std::string_view end = std::string_view(name).substr(name.size() - tail);
  const std::string_view host = end.substr(1, kHostDigits);
  const bool fits = end[0] == '.' && end[1 + kHostDigits] == '-' && is_hexadecimal(host) &&
                    is_hexadecimal(end.substr(2 + kHostDigits));
  return fits ? std::string(host) : "";
}

enum class Lock { taken, held, unknown };

Lock lock(int descriptor) {
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return Lock::taken;
  return errno == EWOULDBLOCK ? Lock::held : Lock::unknown;  // no locks on this file system
}

// Seconds since 1970 by the clock of the file system, which need not be this machine's.
std::int64_t written_at(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 ? status.st_mtim.tv_sec : 0;
}

void remove_if_left(const fs::path& path, std::int64_t now) {
  const std::string name = path.filename().string();
  const std::string host = host_in(name);
  if (host.empty()) return;
  std::error_code ignored;
  const fs::file_type kind = fs::symlink_status(path, ignored).type();
  const bool folder = kind == fs::file_type::directory;
  if (!folder && kind != fs::file_type::regular) return;
  const int access = folder ? O_RDONLY | O_DIRECTORY : O_RDWR;
  const int descriptor = ::open(path.c_str(), access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return;
  const Lock state = lock(descriptor);
  const bool old = now - written_at(descriptor) > kDay;
  const bool left = state == Lock::taken && host == host_digits();
  if (left || (state != Lock::held && old)) fs::remove_all(path, ignored);
  ::close(descriptor);
}

void remove_leavings_by(const fs::path& folder, std::int64_t now) {
  std::error_code error;
  std::vector<fs::path> found;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error))
    if (!host_in(it->path().filename().string()).empty()) found.push_back(it->path());
  for (const auto& path : found) remove_if_left(path, now);
}

// Once a process and folder: a folder may hold a hundred thousand records.
void remove_leavings_once(const fs::path& folder, std::int64_t now) {
  static std::mutex mutex;
  static std::set<fs::path> seen;
  std::error_code ignored;
  {
    const std::lock_guard guard(mutex);
    if (!seen.insert(fs::absolute(folder, ignored).lexically_normal()).second) return;
  }
  remove_leavings_by(folder, now);
}

bool is_still_there(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && status.st_nlink > 0;
}

// `open` makes it and returns a descriptor, or -1 and errno.
template <typename Open>
Temporary make(const fs::path& folder, const std::string& name, const Open& open) {
  const std::string begin = std::string(kPrefix) + name.substr(0, kLongestName) + ".";
  for (int attempt = 0; attempt < 100; ++attempt) {
    const fs::path path = folder / (begin + host_digits() + "-" + random_digits());
    const int descriptor = open(path);
    if (descriptor < 0 && errno == EEXIST) continue;
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), folder.string());
    // Somebody else may have taken it for a leaving before it was locked.
    if (lock(descriptor) != Lock::held && is_still_there(descriptor)) {
      remove_leavings_once(folder, written_at(descriptor));
      return {.path = path, .descriptor = descriptor};
    }
    ::close(descriptor);
  }
  throw std::system_error(EEXIST, std::generic_category(), folder.string());
}

}  // namespace

Temporary make_temporary_file(const fs::path& folder, const std::string& name) {
  return make(folder, name, [](const fs::path& path) {
    return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  });
}

Temporary make_temporary_folder(const fs::path& folder, const std::string& name) {
  return make(folder, name, [](const fs::path& path) {
    if (::mkdir(path.c_str(), 0777) != 0) return -1;
    return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  });
}

void remove_leavings(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return;
  // A file of our own tells the time of the file system.
  Temporary own;
  try {
    own = make_temporary_file(folder, "clock");
  } catch (const std::system_error&) {
    return;  // nothing can be removed from here
  }
  fs::remove(own.path, ignored);
  remove_leavings_by(folder, written_at(own.descriptor));
  ::close(own.descriptor);
}

}  // namespace permafrost
