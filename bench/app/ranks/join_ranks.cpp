// SPDX-License-Identifier: Apache-2.0
#include "bench/app/ranks/join_ranks.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "common/error.h"
#include "common/files/files.h"

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

void require_shared_folder(ProcessGroup& group, const std::filesystem::path& folder,
                           const std::string& flag) {
  const std::filesystem::path sign =
      folder / (".ranks-" + group.from_first(std::to_string(::getpid())));
  if (group.is_first()) {
    require_writable_directory(folder, flag);
    write_file_atomically(sign, "Looked for by all ranks.\n");
  }
  group.barrier();
  std::error_code ignored;
  const auto seen = group.gather(std::filesystem::exists(sign, ignored) ? "seen" : "");
  if (group.is_first()) std::filesystem::remove(sign, ignored);
  for (int rank = 0; rank < group.ranks(); ++rank)
    if (seen[static_cast<std::size_t>(rank)].empty())
      throw InputError(flag, folder.string(), "a folder that all ranks share",
                       group.name_of(rank) + " does not see what rank 0 writes there");
}

}  // namespace permafrost
