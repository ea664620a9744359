// SPDX-License-Identifier: Apache-2.0
#include "common/files/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <ctime>
#include <optional>
#include <string_view>
#include <thread>

#include "common/error.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr const char* kName = ".lock";

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

// A descriptor of its own, so that it closes where a later step throws.
class LockFile {
 public:
  LockFile(const fs::path& path, const std::string& flag)
      : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0)
      throw InputError(flag, "", "a folder that can be written to",
                       quoted(path.string()) + ": " + system_reason());
  }
  explicit LockFile(const fs::path& path) : descriptor_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {}
  ~LockFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  // Whether nobody else has it. LOCK_EX or LOCK_SH; where the file system has no locks, true.
  bool take(int kind) const {
    return descriptor_ >= 0 && (::flock(descriptor_, kind | LOCK_NB) == 0 || errno != EWOULDBLOCK);
  }
  // Others look whether a part is there by taking its lock for a moment.
  bool take_soon(int kind) const {
    for (int attempt = 0; attempt < 20; ++attempt) {
      if (take(kind)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return take(kind);
  }
  std::string owner() const { return content_of(descriptor_); }
  // For people alone: on a full disk the empty file locks as well.
  void name_owner() const {
    const std::string text = owner_text() + "\n";
    const bool told =
        ::ftruncate(descriptor_, 0) == 0 && ::pwrite(descriptor_, text.data(), text.size(), 0) >= 0;
    static_cast<void>(told);
  }
  int release() {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    return descriptor;
  }

 private:
  int descriptor_;
};

std::string name_of(const FolderPart& part) {
  return std::string(kName) + "-" + std::to_string(part.index) + "-of-" +
         std::to_string(part.count);
}

// The part whose lock has this name.
std::optional<FolderPart> part_in(const std::string& name) {
  FolderPart part;
  const std::string begin = std::string(kName) + "-";
  const auto middle = name.find("-of-");
  if (!name.starts_with(begin) || middle == std::string::npos) return std::nullopt;
  std::from_chars(name.data() + begin.size(), name.data() + middle, part.index);
  std::from_chars(name.data() + middle + 4, name.data() + name.size(), part.count);
  return name == name_of(part) ? std::optional(part) : std::nullopt;
}

// "shard 3/16, process 4711 on ..." of a part that somebody holds; of `but` none of the same count.
std::string part_held(const fs::path& folder, const std::optional<FolderPart>& but) {
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const auto part = part_in(it->path().filename().string());
    if (!part || (but && part->count == but->count)) continue;
    const LockFile file(it->path());
    if (file.take(LOCK_SH)) continue;
    return "shard " + std::to_string(part->index) + "/" + std::to_string(part->count) + ", " +
           file.owner();
  }
  return "";
}

[[noreturn]] void refuse(const fs::path& folder, const std::string& flag,
                         const std::string& owner) {
  throw InputError(flag, "", "a folder that no other run is writing to",
                   quoted(folder.string()) + ", held by " + owner,
                   "wait for that run, or use another folder");
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder, const std::string& flag) {
  LockFile file(folder / kName, flag);
  if (!file.take(LOCK_EX)) {
    const std::string part = part_held(folder, std::nullopt);
    refuse(folder, flag, part.empty() ? file.owner() : part);
  }
  file.name_owner();
  descriptor_ = file.release();
}

FolderLock::FolderLock(const fs::path& folder, const std::string& flag, const FolderPart& part) {
  LockFile all(folder / kName, flag);
  if (!all.take(LOCK_SH)) refuse(folder, flag, all.owner());
  LockFile mine(folder / name_of(part), flag);
  if (!mine.take_soon(LOCK_EX)) refuse(folder, flag, mine.owner());
  mine.name_owner();
  if (const std::string other = part_held(folder, part); !other.empty())
    refuse(folder, flag, other);
  descriptor_ = all.release();
  part_ = mine.release();
}

FolderLock::~FolderLock() {
  if (part_ >= 0) ::close(part_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace permafrost
