// SPDX-License-Identifier: Apache-2.0
#pragma once

// A task: labelled samples, how they are split and scored. Opening a specification for the clip
// shape of an encoder gives a source and its folds.
//
//   const TaskSpec spec = read_task_spec(json, "pico.json:/tasks/0");
//   const Task task = open_task(spec, {8, 48, 48}, data_folder(""));
//   if (!task.available()) report(task.unavailable);
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/clips/clip_source.h"
#include "datasets/measures/measure.h"
#include "datasets/tasks/fold.h"
#include "datasets/tasks/task_spec.h"

namespace permafrost {

// Samples of the official lists as they lie here, and as the dataset was released.
struct ListedSamples {
  std::int64_t train = 0, test = 0, released_train = 0, released_test = 0;
  bool operator==(const ListedSamples&) const = default;
};

struct Task {
  std::string name;
  TaskKind kind = TaskKind::synthetic;
  int version = 1;
  TargetKind target = TargetKind::clip_class;   // of every sample
  const Measure* measure = &default_measure();  // what a cell of the task says
  int classes = 0;
  std::vector<std::string> class_names;
  std::unique_ptr<ClipSource> source;
  std::vector<std::int64_t> groups;     // [source->size()]
  std::vector<Fold> folds;              // test sides are disjoint; one with official lists
  std::optional<ListedSamples> listed;  // where the dataset says what was released
  std::string manifest_sha256;          // what is measured, whatever the clip shape
  std::string identity;                 // SHA-256 over all that decides samples, splits and measure
  int clips = 1;
  bool directional = false;           // as source->directional()
  double kept_bytes = 0;              // that its clips take once all are read
  std::vector<std::string> warnings;  // see task_warnings.h
  std::string unavailable;  // the reason where the data is not there; the rest is then empty
  bool available() const { return unavailable.empty(); }
  // What heads are trained for.
  HeadLoss loss() const { return measure->loss(target); }
};

// How the files of a manifest are shown, where it is not as in training a probe: for `evaluate`.
struct TaskView {
  int short_side = 0;     // before the crop; 0: as small as the crop allows
  bool antialias = true;  // see ViewSpec
  int views = 1;  // crops at test; training sees the middle one (of an even number, that before)
  // Clips are drawn or decoded once and kept for all who ask, where they take no more than this.
  double keep_bytes = 1 << 30;
};

// `data` is the folder of real data; empty where there is none. A missing folder or manifest makes
// the task unavailable; a damaged manifest, or one that names a file that is not there (unless the
// task counts them), throws InputError.
Task open_task(const TaskSpec& spec, const ClipShape& shape, const std::filesystem::path& data,
               const TaskView& view = {});

// Samples that any fold tests, ascending.
std::vector<std::int64_t> tested_samples(const Task& task);

// Where real data lies: `given` (a flag) if not empty, else $PERMAFROST_DATA, else shared/data
// beside the source tree if it is there, else an empty path.
std::filesystem::path data_folder(const std::string& given = "");

// Cuts samples in `count` folds by group. Groups go, largest first (ties in the order of stream
// "task.folds"), to the fold that is then nearest to equal shares of every class. A pure function
// of its arguments. Throws InputError naming `where` for fewer groups than folds.
std::vector<Fold> grouped_folds(const std::vector<Target>& targets,
                                const std::vector<std::int64_t>& groups, int count,
                                const std::string& where);

}  // namespace permafrost
