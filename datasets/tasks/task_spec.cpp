// SPDX-License-Identifier: Apache-2.0
#include "datasets/tasks/task_spec.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/error.h"
#include "datasets/measures/measure.h"
#include "datasets/synthetic/source.h"

namespace permafrost {
namespace {

// The keys that say which samples.
void read_lists_of(JsonObject& object, const std::string& where, TaskSpec& spec) {
  spec.dataset = object.text("dataset", "");
  spec.manifest = object.text("manifest", "");
  spec.files.root = object.text("root", "");
  spec.files.extension = object.text("extension", "");
  spec.files.separator = object.text("separator", "");
  for (const auto& [key, list] : {std::pair{"train", &spec.train_list}, {"test", &spec.test_list}})
    if (const Json* json = object.child(key))
      *list = read_list_spec(*json, object.where(key), spec.files);
  const bool has_lists = !spec.train_list.empty();
  if (spec.train_list.empty() != spec.test_list.empty())
    throw InputError(where, has_lists ? "test" : "train", "the other of the two lists", "none");
  if (has_lists && !spec.manifest.empty())
    throw InputError(where, "manifest", "either manifest (with folds) or train and test", "both");
  if (!has_lists && spec.manifest.empty() && spec.dataset.empty())
    throw InputError(where, "manifest", "manifest, or train and test, or dataset", "none of them");
  spec.class_names = object.texts("class_names", std::vector<std::string>{});
  spec.labels = object.text("labels", "");
  if (!spec.class_names.empty() && !spec.labels.empty())
    throw InputError(where, "labels", "no label file beside class_names", quoted(spec.labels));
  if (object.has("missing_files"))
    spec.count_missing = object.choice("missing_files", {"refuse", "count"}) == "count";
  if (has_lists && object.has("folds"))
    throw InputError(where, "folds", "none, as the lists are the split", "folds");
  spec.folds = static_cast<int>(object.integer("folds", spec.folds, 2, 1000));
}

}  // namespace

TaskSpec read_task_spec(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  TaskSpec spec;
  object.skip("comment");
  spec.name = object.text("name");
  const bool synthetic = object.choice("kind", {"synthetic", "manifest"}) == "synthetic";
  spec.kind = synthetic ? TaskKind::synthetic : TaskKind::manifest;
  spec.version = static_cast<int>(object.integer("version", 1, 1, 1'000'000));
  if (object.has("directional")) spec.directional = object.boolean("directional");
  if (object.has("measure")) spec.measure = object.choice("measure", measure_names());
  if (synthetic) {
    spec.world = object.choice("world", synthetic::world_names());
    // Pretraining draws from the samples behind.
    spec.train = object.integer("train", {}, 2, synthetic::MixtureSource::kMixtureFirst);
    spec.test = object.integer("test", {}, 1, synthetic::MixtureSource::kMixtureFirst);
  } else {
    read_lists_of(object, where, spec);
    spec.frame_step = static_cast<int>(object.integer("frame_step", spec.frame_step, 1, 1000));
    spec.clips = static_cast<int>(object.integer("clips", spec.clips, 1, 64));
  }
  object.finish();
  if (spec.name.empty()) throw InputError(where, "name", "a name", quoted(spec.name));
  return spec;
}

Json to_json(const TaskSpec& spec) {
  Json json{{"name", spec.name}, {"version", spec.version}};
  if (spec.directional) json["directional"] = *spec.directional;
  if (!spec.measure.empty()) json["measure"] = spec.measure;
  if (spec.kind == TaskKind::synthetic) {
    json.update(
        {{"kind", "synthetic"}, {"world", spec.world}, {"train", spec.train}, {"test", spec.test}});
    return json;
  }
  json.update({{"kind", "manifest"},
               {"class_names", spec.class_names},
               {"frame_step", spec.frame_step},
               {"clips", spec.clips}});
  if (spec.train_list.empty()) {
    json["folds"] = spec.folds;
  } else {
    json["train"] = to_json(spec.train_list);
    json["test"] = to_json(spec.test_list);
  }
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  add("manifest", spec.manifest);
  add("dataset", spec.dataset);
  add("labels", spec.labels);
  add("root", spec.files.root);
  add("extension", spec.files.extension);
  add("separator", spec.files.separator);
  if (spec.count_missing) json["missing_files"] = *spec.count_missing ? "count" : "refuse";
  return json;
}

}  // namespace permafrost
