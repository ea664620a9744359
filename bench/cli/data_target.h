// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the data commands look at.
#include <filesystem>
#include <string>

#include "bench/cli/options.h"
#include "datasets/task.h"

namespace permafrost {

struct DataTarget {
  TaskSpec spec;
  std::filesystem::path data;  // what its paths are relative to
};

// `target` is a list in any form that read_manifest() takes, a task or dataset in a JSON file, or a
// known dataset (below the folder of data). Throws InputError.
DataTarget data_target(const DataOptions& options);

}  // namespace permafrost
