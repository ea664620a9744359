// SPDX-License-Identifier: Apache-2.0
#pragma once

// The ranks of a launch, as commands see them: rank 0 alone prints, and an error of one ends all.
#include <memory>

#include "models/processes/process_group.h"

namespace permafrost {

// Meets the ranks that were started with this process; null where it was started alone. Every rank
// but the first prints nothing on standard output from then on. Throws as ProcessGroup.
std::unique_ptr<ProcessGroup> join_ranks(double timeout_seconds);

}  // namespace permafrost
