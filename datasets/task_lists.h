// SPDX-License-Identifier: Apache-2.0
#pragma once

// From what a task of kind manifest names (a list with folds, official lists, a dataset) to its
// samples. Used by task.cpp and by the commands that look at data.
#include <filesystem>
#include <string>

#include "datasets/dataset_spec.h"
#include "datasets/task.h"
#include "datasets/video/manifest.h"

namespace permafrost {

// A list with its paths resolved: ready for read_manifest.
struct ResolvedList {
  std::filesystem::path path;
  ManifestOptions options;
  std::int64_t samples = 0;  // as released; 0: not known
};

// The lists of a task. `all` is used with folds, else `train` and `test`.
struct ResolvedLists {
  ResolvedList train, test, all;
  std::string unavailable;  // why they cannot be read: a folder or file that is not there
  bool has_folds() const { return train.path.empty(); }
};

// Throws InputError for a dataset that is not known, and for a damaged label file.
ResolvedLists resolve_lists(const TaskSpec& spec, const std::filesystem::path& data);

// The samples: train before test. Throws InputError as read_manifest, and where the number of
// classes is not the dataset's.
struct TaskSamples {
  Manifest manifest;
  std::int64_t train = 0;  // the first of the entries; with folds 0
};
TaskSamples read_lists(const ResolvedLists& lists);

}  // namespace permafrost
