// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/dataset_spec.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "common/error.h"
#include "common/files/shared_folder.h"
#include "common/json/json_fields.h"
#include "common/nearest_name.h"
#include "datasets/lists/manifest.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kMostSamples = 1'000'000'000;

// All but the manifest, which alone has no default.
template <class List, class Visitor>
void fields_of(List& list, Visitor&& visit) {
  visit.when(!list.root.empty(), "root", list.root);
  visit.when(!list.extension.empty(), "extension", list.extension);
  visit.when(!list.separator.empty(), "separator", list.separator);
  visit.when(!list.split.empty(), "split", list.split);
  visit.when(list.samples > 0, "samples", list.samples, 0, kMostSamples);
}

ListSpec list_of(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  return json != nullptr ? read_list_spec(*json, object.where(key)) : ListSpec{};
}

}  // namespace

ListSpec read_list_spec(const Json& json, const std::string& where, const ListSpec& defaults) {
  ListSpec list = defaults;
  if (json.is_string()) {
    list.manifest = json.get<std::string>();
  } else {
    JsonObject object(json, where);
    list.manifest = object.text("manifest");
    fields_of(list, FieldReader(object));
    object.finish();
  }
  if (list.manifest.empty()) throw InputError(where, "manifest", "a file or folder", "\"\"");
  if (!list.extension.empty() && !list.extension.starts_with('.'))
    throw InputError(where, "extension", "an ending such as \".webm\"", quoted(list.extension));
  return list;
}

Json to_json(const ListSpec& list) {
  Json json = {{"manifest", list.manifest}};
  fields_of(list, FieldWriter(json));
  return json;
}

DatasetSpec read_dataset_spec(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  DatasetSpec spec;
  object.skip("comment");
  spec.name = object.text("name");
  spec.title = object.text("title", spec.name);
  spec.classes = static_cast<int>(object.integer("classes", 0, 0, kMostClasses));
  spec.class_names = object.texts("class_names", std::vector<std::string>{});
  spec.labels = object.text("labels", "");
  spec.folder = object.text("folder", ".");
  spec.count_missing = object.choice("missing_files", {"refuse", "count"}, "refuse") == "count";
  spec.directional = object.boolean("directional", false);
  spec.multi_label = object.boolean("multi_label", false);
  spec.train = list_of(object, "train");
  spec.test = list_of(object, "test");
  spec.all = list_of(object, "manifest");
  spec.obtain = object.text("obtain", "");
  spec.licence = object.text("licence", "");
  spec.counts_source = object.text("counts_source", "");
  object.finish();
  if (!spec.class_names.empty() && !spec.labels.empty())
    throw InputError(where, "labels", "no label file beside class_names", quoted(spec.labels));
  const auto names = static_cast<int>(spec.class_names.size());
  if (names > 0 && spec.classes > 0 && names != spec.classes)
    throw InputError(where, "class_names", std::to_string(spec.classes) + " names",
                     std::to_string(names));
  if (spec.train.empty() != spec.test.empty() || spec.all.empty() == spec.train.empty())
    throw InputError(where, "train, test", "both, or one list under manifest",
                     spec.all.empty() ? "less" : "more");
  return spec;
}

fs::path known_datasets_folder() {
  return shared_folder("PERMAFROST_DATASETS", "datasets",
                       fs::path(PERMAFROST_SOURCE_DIR) / "datasets/known");
}

std::vector<std::string> known_datasets() {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = fs::directory_iterator(known_datasets_folder(), error);
       !error && it != fs::directory_iterator(); it.increment(error))
    if (it->path().extension() == ".json") names.push_back(it->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

DatasetSpec dataset_named(const std::string& name, const fs::path& data) {
  const fs::path given = name;
  if (given.extension() == ".json") {
    const fs::path file = given.is_absolute() ? given : data / given;
    DatasetSpec spec = read_dataset_spec(read_json(file.string()), file.string());
    spec.folder = (file.parent_path() / spec.folder).lexically_normal().string();
    if (fs::path(spec.folder).is_relative()) spec.folder = fs::absolute(spec.folder).string();
    return spec;
  }
  const std::vector<std::string> names = known_datasets();
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw InputError("dataset", "", "one of " + joined(names) + ", or a .json file", quoted(name),
                     "nearest: " + nearest_name(name, names));
  const fs::path file = known_datasets_folder() / (name + ".json");
  return read_dataset_spec(read_json(file.string()), file.string());
}

fs::path dataset_folder(const DatasetSpec& spec, const fs::path& data) {
  return data / spec.folder;  // an absolute folder takes the place of `data`
}

}  // namespace permafrost
