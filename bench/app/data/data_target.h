// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the data commands look at.
#include <filesystem>
#include <string>

#include "bench/app/command_line.h"
#include "datasets/tasks/task.h"
#include "datasets/tasks/task_lists.h"
#include "models/processes/process_group.h"

namespace permafrost {

// What a data command looks at, and how lists are read that do not say so themselves.
struct DataOptions {
  std::string target, data, root, extension, separator, labels;
  bool multi_label = false;
};

// The flags of both.
void add_data_target(CLI::App* command, DataOptions& options);

struct DataTarget {
  TaskSpec spec;
  std::filesystem::path data;  // what its paths are relative to
  bool is_list = false;        // a list by itself: no task, nor the lists of a dataset
};

// Whether `target` is the name of a known dataset. It then means that one, whatever lies here under
// the same name: "./k400" is the folder.
bool is_known_dataset(const std::string& target);

// `target` is a known dataset (below the folder of data), a list in any form that read_manifest()
// takes, or a task or dataset in a JSON file. Throws InputError.
DataTarget data_target(const DataOptions& options);

// Throws InputError on every rank where one of them has read other lists.
void require_same_lists(ProcessGroup& group, const std::vector<NamedList>& lists);

}  // namespace permafrost
