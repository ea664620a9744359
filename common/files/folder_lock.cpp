// SPDX-License-Identifier: Apache-2.0
#include "common/files/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "common/error.h"

namespace permafrost {
namespace {

// "process 4711 on node3 since 2026-01-31 09:30:00 UTC"
std::string owner_text() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%Y-%m-%d %H:%M:%S", &utc);
  return "process " + std::to_string(::getpid()) + " on " + host.data() + " since " + time.data() +
         " UTC";
}

std::string content_of(int descriptor) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  std::string owner(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!owner.empty() && owner.back() == '\n') owner.pop_back();
  return owner.empty() ? "another process" : owner;
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder, const std::string& flag) {
  const auto path = folder / ".lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0)
    throw InputError(flag, "", "a folder that can be written to",
                     quoted(path.string()) + ": " + system_reason());
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
    const std::string text = owner_text() + "\n";
    // For people alone: on a full disk the empty file locks as well.
    const bool told =
        ::ftruncate(descriptor_, 0) == 0 && ::pwrite(descriptor_, text.data(), text.size(), 0) >= 0;
    static_cast<void>(told);
    return;
  }
  if (errno != EWOULDBLOCK) return;
  const std::string owner = content_of(descriptor_);
  ::close(descriptor_);
  throw InputError(flag, "", "a folder that no other run is writing to",
                   quoted(folder.string()) + ", held by " + owner,
                   "wait for that run, or use another folder");
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace permafrost
