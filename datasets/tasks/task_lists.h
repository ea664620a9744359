// SPDX-License-Identifier: Apache-2.0
#pragma once

// From what a task of kind manifest names (a list with folds, official lists, a dataset) to its
// samples. Used by task.cpp and by the commands that look at data.
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/lists/dataset_spec.h"
#include "datasets/lists/manifest.h"
#include "datasets/tasks/task.h"

namespace permafrost {

// A list with its paths resolved: ready for read_manifest.
struct ResolvedList {
  std::filesystem::path path;
  ManifestOptions options;
  std::int64_t samples = 0;  // as released; 0: not known
  bool missing = false;      // there is nothing to read; only of what is partial
};

// What measures needs all that its task names. To tell what is not there yet, a dataset is also
// read without the lists, label files, archives and folders of classes that are missing.
enum class Completeness { whole, partial };

// The lists of a task. `all` is used with folds, else `train` and `test`.
struct ResolvedLists {
  ResolvedList train, test, all;
  bool directional = false;        // as the task says, or its dataset
  bool multi_label = false;        // the same
  int classes = 0;                 // as released; 0: not known
  std::string unavailable;         // why they cannot be read: a folder or file that is not there
  std::vector<std::string> wrong;  // a sentence for everything that is missing of what is partial
  bool has_folds() const { return train.path.empty(); }
};

// Throws InputError for a dataset that is not known, for a damaged label file, and for one that has
// not as many classes as the dataset.
ResolvedLists resolve_lists(const TaskSpec& spec, const std::filesystem::path& data,
                            Completeness completeness = Completeness::whole);

// One list as it was read.
struct NamedList {
  std::string name;  // "train", "test", or "all" of a list with folds
  std::filesystem::path path;
  Manifest manifest;
  std::int64_t samples = 0;  // as released; 0: not known
};
// "all" alone, or "train" and "test". Throws InputError as read_manifest, where the number of
// classes is not the dataset's (of what is partial it may be), and for a label of the test list
// that the training list does not know.
std::vector<NamedList> read_lists_apart(const ResolvedLists& lists);

// Throws InputError naming both lines for a file that comes twice, in one list or in both: every
// sample counts once, and none is in training and test. Files are told apart by where they lie,
// also behind links; copies are not seen, `data check` tells them.
void refuse_repeated_files(const std::vector<NamedList>& lists);

// The samples of a task: train before test. Throws InputError as refuse_repeated_files.
struct TaskSamples {
  Manifest manifest;
  std::int64_t train = 0;  // the first of the entries; with folds 0
};
TaskSamples joined(std::vector<NamedList> lists);

}  // namespace permafrost
