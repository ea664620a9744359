// SPDX-License-Identifier: Apache-2.0
#pragma once

// The ranks of a launch, as commands see them: rank 0 alone prints, and an error of one ends all.
#include <filesystem>
#include <memory>
#include <string>

#include "models/processes/process_group.h"

namespace permafrost {

// Meets the ranks that were started with this process; null where it was started alone. Every rank
// but the first prints nothing on standard output from then on. Throws as ProcessGroup.
std::unique_ptr<ProcessGroup> join_ranks(double timeout_seconds);

// Throws InputError on every rank where one of them does not see what rank 0 writes to `folder`.
void require_shared_folder(ProcessGroup& group, const std::filesystem::path& folder,
                           const std::string& flag);

}  // namespace permafrost
