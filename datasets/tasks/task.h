// SPDX-License-Identifier: Apache-2.0
#pragma once

// A task: labelled samples, how they are split, and the version of both. A specification is data
// (JSON); opening it for the clip shape of an encoder gives a source and its folds.
//
//   const TaskSpec spec = read_task_spec(json, "pico.json:/tasks/0");
//   const Task task = open_task(spec, {8, 48, 48}, data_folder(""));
//   if (!task.available()) report(task.unavailable);
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "datasets/clips/clip_source.h"
#include "datasets/lists/dataset_spec.h"
#include "datasets/tasks/fold.h"

namespace permafrost {

enum class TaskKind { synthetic, manifest };

// What a cell of the task says, in percent.
enum class Metric {
  top1,                   // correct / n
  mean_average_precision  // mean over classes, each against the rest (AVA)
};

struct TaskSpec {
  std::string name;
  TaskKind kind = TaskKind::synthetic;
  int version = 1;  // raised whenever samples, labels or splits change meaning
  // Left and right are part of what the labels say: training views are not mirrored. No part of
  // the identity, as it changes no clip that is tested. Unset: as the dataset says, and false
  // without one.
  std::optional<bool> directional;
  // synthetic
  std::string world;  // appearance, motion, object
  std::int64_t train = 0, test = 0;
  // manifest: one list that is cut in folds, or official lists, or a dataset that has either. Paths
  // are relative to the data folder; a list is any that read_manifest() takes.
  std::string manifest;
  ListSpec train_list, test_list;
  ListSpec files;              // root, extension and separator where a list does not say its own
  std::string dataset;         // a known name or a .json file; gives what the task leaves open
  std::string dataset_folder;  // where that lies; empty: where it says. No part of the JSON
  std::vector<std::string> class_names;
  std::string labels;  // file of class names, see class_names.h; excludes class_names
  // Files of a list that are not there: counted as wrong, or refused. Unset: as the dataset says,
  // and refused without one.
  std::optional<bool> count_missing;
  int folds = 5;  // grouped k-fold; every sample is tested once
  int frame_step = 4;
  int clips = 1;  // temporal segments a sample, where the protocol does not say
};

// Throws InputError for unknown keys, wrong values and keys of the other kind.
TaskSpec read_task_spec(const Json& json, const std::string& where);
Json to_json(const TaskSpec& spec);

// Samples of the official lists as they lie here, and as the dataset was released.
struct ListedSamples {
  std::int64_t train = 0, test = 0, released_train = 0, released_test = 0;
  bool operator==(const ListedSamples&) const = default;
};

struct Task {
  std::string name;
  TaskKind kind = TaskKind::synthetic;
  int version = 1;
  Metric metric = Metric::top1;
  int classes = 0;
  std::vector<std::string> class_names;
  std::unique_ptr<ClipSource> source;
  std::vector<std::int64_t> groups;     // [source->size()]
  std::vector<Fold> folds;              // test sides are disjoint; one with official lists
  std::optional<ListedSamples> listed;  // where the dataset says what was released
  std::string manifest_sha256;          // what is measured, whatever the clip shape
  std::string identity;                 // SHA-256 over everything that decides samples and splits
  int clips = 1;
  bool directional = false;  // as source->directional()
  std::string unavailable;   // the reason where the data is not there; the rest is then empty
  bool available() const { return unavailable.empty(); }
};

// How the files of a manifest are shown, where it is not as in training a probe: for `evaluate`.
struct TaskView {
  int short_side = 0;     // before the crop; 0: as small as the crop allows
  bool antialias = true;  // see ViewSpec
  int views = 1;     // crops at test; training sees the middle one (of an even number, that before)
  bool keep = true;  // clips in memory, where they fit: for several encoders on the same clips
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
std::vector<Fold> grouped_folds(const std::vector<int>& labels,
                                const std::vector<std::int64_t>& groups, int count,
                                const std::string& where);

}  // namespace permafrost
