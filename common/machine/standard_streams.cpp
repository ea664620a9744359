// SPDX-License-Identifier: Apache-2.0
#include "common/machine/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace permafrost {
namespace {

// Also where an earlier write failed and its reason is gone.
bool is_pipe_without_reader(int descriptor) {
  pollfd one{.fd = descriptor, .events = POLLOUT, .revents = 0};
  return ::poll(&one, 1, 0) == 1 && (one.revents & POLLERR) != 0;
}

}  // namespace

void reserve_standard_streams() {
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number) {
    if (::fcntl(number, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest number that is free, which is this one. Not to write to: that must fail.
    const int opened = ::open("/dev/null", number == STDERR_FILENO ? O_WRONLY : O_RDONLY);
    if (opened < 0) ::open("/", O_RDONLY | O_DIRECTORY);
  }
}

bool flush_standard_output(const char* program) {
  const bool failed_before = std::ferror(stdout) != 0;
  errno = 0;
  if (std::fflush(stdout) == 0 && !failed_before) return true;
  const int why = errno;
  if (why == EPIPE || is_pipe_without_reader(STDOUT_FILENO)) return false;
  std::fprintf(stderr, "%s: standard output: cannot write: %s\n", program,
               why == 0 ? "an earlier write failed" : std::strerror(why));
  return false;
}

}  // namespace permafrost
