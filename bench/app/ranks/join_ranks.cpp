// SPDX-License-Identifier: Apache-2.0
#include "bench/app/ranks/join_ranks.h"

#include <cstdio>
#include <cstdlib>

namespace permafrost {
namespace {

// From any thread, while others compute: no destructors, no output of theirs. Files appear whole or
// not at all, whenever that is.
[[noreturn]] void end_process(int status, const std::string& line) {
  if (!line.empty()) std::fprintf(stderr, "permafrost: %s\n", line.c_str());
  std::fflush(stderr);
  std::_Exit(status);
}

}  // namespace

std::unique_ptr<ProcessGroup> join_ranks(double timeout_seconds) {
  const auto launch = launch_of_process();
  if (!launch) return nullptr;
  auto group = std::make_unique<ProcessGroup>(
      *launch,
      GroupOptions{.timeout = Milliseconds(static_cast<std::int64_t>(1000 * timeout_seconds)),
                   .end = end_process});
  if (!group->is_first() && std::freopen("/dev/null", "w", stdout) == nullptr)
    throw Error("/dev/null: " + system_reason());
  return group;
}

}  // namespace permafrost
