// SPDX-License-Identifier: Apache-2.0
#pragma once

// A dataset declared in one JSON file: its lists, its classes, how many samples were released, and
// where to get them. datasets/known/ declares the public ones by name; a file of one's own has the
// same fields.
//
//   const DatasetSpec k400 = dataset_named("k400", data);
//   const fs::path list = dataset_folder(k400, data) / k400.train.manifest;
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/json/json_object.h"

namespace permafrost {

// One list of samples and how to read it; see ManifestOptions.
struct ListSpec {
  std::string manifest;      // file or folder
  std::string root;          // where its paths start; empty: beside the list
  std::string extension;     // put behind paths without a media ending
  std::string separator;     // of text lines; empty: found out
  std::string split;         // value of the column "split"; empty: all lines
  std::int64_t samples = 0;  // as released; 0: not known

  bool empty() const { return manifest.empty(); }
  bool operator==(const ListSpec&) const = default;
};

// A text (the manifest alone) or an object with the fields above. Fields that are not given are
// taken from `defaults`. Throws InputError.
ListSpec read_list_spec(const Json& json, const std::string& where, const ListSpec& defaults = {});
Json to_json(const ListSpec& list);

struct DatasetSpec {
  std::string name, title;
  int classes = 0;  // 0: not known
  std::vector<std::string> class_names;
  std::string labels;  // label file, see class_names.h; empty: none
  std::string folder;  // below the folder of data; lists, roots and labels are relative to it
  bool count_missing = false;  // files of the list that are not there count as wrong
  bool directional = false;    // see TaskSpec
  bool multi_label = false;    // several classes a sample, see ManifestOptions
  // Either the official lists, or one list that is cut in folds.
  ListSpec train, test, all;
  std::string obtain, licence, counts_source;  // for people
};

// Throws InputError for unknown keys and wrong values.
DatasetSpec read_dataset_spec(const Json& json, const std::string& where);

// $PERMAFROST_DATASETS, else share/permafrost/datasets beside the program, else datasets/known of
// the source tree.
std::filesystem::path known_datasets_folder();
std::vector<std::string> known_datasets();  // names, sorted

// `name` is a known dataset, or a .json file: absolute, or relative to `data`; `folder` of such a
// file is then relative to the file. Throws InputError, naming the nearest for an unknown name.
DatasetSpec dataset_named(const std::string& name, const std::filesystem::path& data);

// Where the files of a dataset lie.
std::filesystem::path dataset_folder(const DatasetSpec& spec, const std::filesystem::path& data);

}  // namespace permafrost
