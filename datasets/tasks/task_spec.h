// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which task: labelled samples, how they are split, how they are scored, and the version of all
// that, as data (JSON). Opened by open_task().
//
//   const TaskSpec spec = read_task_spec(json, "pico.json:/tasks/0");
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "datasets/lists/dataset_spec.h"

namespace permafrost {

enum class TaskKind { synthetic, manifest };

struct TaskSpec {
  std::string name;
  TaskKind kind = TaskKind::synthetic;
  int version = 1;  // raised whenever samples, labels or splits change meaning
  // Left and right are part of what the labels say: training views are not mirrored. No part of
  // the identity, as it changes no clip that is tested. Unset: as the dataset says, and false
  // without one.
  std::optional<bool> directional;
  // synthetic
  std::string world;  // one of world_names(), see synthetic/source.h
  std::int64_t train = 0, test = 0;
  // Index of the first sample of either split: what chooses between encoders asks for other samples
  // than what measures them.
  std::int64_t first = 0;
  int world_version = 1;
  // manifest: one list that is cut in folds, or official lists, or a dataset that has either. Paths
  // are relative to the data folder; a list is any that read_manifest() takes.
  std::string manifest;
  ListSpec train_list, test_list;
  ListSpec files;              // root, extension and separator where a list does not say its own
  std::string dataset;         // a known name or a .json file; gives what the task leaves open
  std::string dataset_folder;  // where that lies; empty: where it says. No part of the JSON
  std::vector<std::string> class_names;
  std::string labels;  // file of class names, see class_names.h; excludes class_names
  // Several classes may be true of one sample, or none; see ManifestOptions. Unset: as the dataset
  // says, and one class a sample without one.
  std::optional<bool> multi_label;
  // Files of a list that are not there: counted as wrong, or refused. Unset: as the dataset says,
  // and refused without one.
  std::optional<bool> count_missing;
  int folds = 5;  // grouped k-fold; every sample is tested once
  int frame_step = 4;
  int clips = 1;  // temporal segments a sample, where the protocol does not say
  // Name of the measure that the task is scored by; empty: default_measure() of its samples.
  std::string measure;
};

// Throws InputError for unknown keys, wrong values, measures that are not there and keys of
// the other kind.
TaskSpec read_task_spec(const Json& json, const std::string& where);
Json to_json(const TaskSpec& spec);

}  // namespace permafrost
