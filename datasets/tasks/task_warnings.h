// SPDX-License-Identifier: Apache-2.0
#pragma once

// What of a task can be measured and means nothing: told to people and kept in records.
#include <string>
#include <vector>

#include "datasets/tasks/task.h"

namespace permafrost {

// A sentence each, for every kind once: one class alone, classes without any sample (chance counts
// them), classes that are tested and have no training sample, a training side of one class. None of
// a task that is not available, nor of one that is drawn, whose classes are even by construction.
std::vector<std::string> warnings_of(const Task& task);

}  // namespace permafrost
