// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/run_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "common/error.h"
#include "common/files/files.h"

namespace permafrost {
namespace {}  // namespace

RunLog::~RunLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RunLog::open() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  if (descriptor_ < 0)
    throw InputError(path_.string(), "", "a file that can be written", system_reason());
}

void RunLog::begin(const std::string& lines) {
  write_file_atomically(path_, lines);
  open();
  bytes_ = lines.size();
  hash_ = std::make_unique<Sha256>();
  hash_->add(lines);
}

void RunLog::require(const LogMark& mark) const {
  std::error_code ignored;
  if (!std::filesystem::exists(path_, ignored)) return;
  const std::string text = read_file(path_);
  if (text.size() >= mark.bytes && sha256_of(text.substr(0, mark.bytes)) == mark.sha256) return;
  throw InputError(path_.string(), "",
                   "the " + std::to_string(mark.bytes) + " bytes that the checkpoint knows",
                   text.size() < mark.bytes ? std::to_string(text.size()) + " bytes" : "others",
                   "put that file back, or move it away: the run then goes on with a new one");
}

void RunLog::go_on(const LogMark& mark, const std::string& lines) {
  require(mark);
  std::error_code ignored;
  if (!std::filesystem::exists(path_, ignored)) {
    begin(lines);
    return;
  }
  hash_ = std::make_unique<Sha256>();
  hash_->add(read_file(path_).substr(0, mark.bytes));
  bytes_ = mark.bytes;
  open();
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes_)) != 0)
    throw Error(path_.string() + ": cannot write: " + system_reason());
}

void RunLog::add(const std::string& line) {
  const ssize_t written = ::write(descriptor_, line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) {
    const std::string why = written < 0 ? system_reason() : std::strerror(ENOSPC);
    // No half of a line; the checkpoint would not know it.
    if (::ftruncate(descriptor_, static_cast<off_t>(bytes_)) != 0)
      throw Error(path_.string() + ": cannot write, nor take it back: " + why);
    throw Error(path_.string() + ": cannot write: " + why);
  }
  bytes_ += line.size();
  hash_->add(line);
}

bool RunLog::is_in_its_place() const {
  struct stat named {
  }, opened{};
  return ::stat(path_.c_str(), &named) == 0 && ::fstat(descriptor_, &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

std::string RunLog::written() const {
  std::string text(bytes_, '\0');
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count =
        ::pread(descriptor_, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw Error(path_.string() + ": was taken away, and cannot be read any more");
    done += static_cast<std::size_t>(count);
  }
  return text;
}

LogMark RunLog::mark() {
  if (!is_in_its_place()) begin(written());
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP && errno != ENOSYS)
    throw Error(path_.string() + ": cannot sync: " + system_reason());
  return {.bytes = bytes_, .sha256 = hash_->hex_so_far()};
}

}  // namespace permafrost
