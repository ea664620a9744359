// SPDX-License-Identifier: Apache-2.0
#include "datasets/tasks/task_spec.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/error.h"
#include "common/json/json_fields.h"
#include "datasets/measures/measure.h"
#include "datasets/synthetic/source.h"

namespace permafrost {
namespace {

constexpr NamedValue<TaskKind> kKinds[] = {{"synthetic", TaskKind::synthetic},
                                           {"manifest", TaskKind::manifest}};
constexpr NamedValue<std::optional<bool>> kMissingFiles[] = {{"refuse", false}, {"count", true}};

template <class Spec, class Visitor>
void fields_of_any(Spec& spec, Visitor&& visit) {
  visit("version", spec.version, 1, 1'000'000);
  visit.set("directional", spec.directional);
  visit.choice("measure", spec.measure, measure_names());
}

// Pretraining draws from the samples behind.
template <class Spec, class Visitor>
void fields_of_synthetic(Spec& spec, Visitor&& visit) {
  visit.choice("world", spec.world, synthetic::world_names());
  visit("train", spec.train, 2, synthetic::MixtureSource::kMixtureFirst);
  visit("test", spec.test, 1, synthetic::MixtureSource::kMixtureFirst);
  visit.when(spec.first != 0, "first", spec.first, 0, synthetic::MixtureSource::kMixtureFirst);
}

void require_samples_before_pretraining(const TaskSpec& spec, const std::string& where) {
  const std::int64_t most = synthetic::MixtureSource::kMixtureFirst;
  if (spec.first + std::max(spec.train, spec.test) > most)
    throw InputError(where, "first",
                     "at most " + std::to_string(most - std::max(spec.train, spec.test)) +
                         " with so many samples, as those from " + std::to_string(most) +
                         " on are pretrained with",
                     std::to_string(spec.first));
}

// All but the two official lists.
template <class Spec, class Visitor>
void fields_of_manifest(Spec& spec, Visitor&& visit) {
  visit.when(!spec.dataset.empty(), "dataset", spec.dataset);
  visit.when(!spec.manifest.empty(), "manifest", spec.manifest);
  visit.when(!spec.files.root.empty(), "root", spec.files.root);
  visit.when(!spec.files.extension.empty(), "extension", spec.files.extension);
  visit.when(!spec.files.separator.empty(), "separator", spec.files.separator);
  visit("class_names", spec.class_names);
  visit.when(!spec.labels.empty(), "labels", spec.labels);
  visit.set("multi_label", spec.multi_label);
  visit.named(spec.count_missing.has_value(), "missing_files", spec.count_missing, kMissingFiles);
  visit.when(spec.train_list.empty(), "folds", spec.folds, 2, 1000);
  visit("frame_step", spec.frame_step, 1, 1000);
  visit("clips", spec.clips, 1, 64);
}

void read_official_lists(JsonObject& object, const std::string& where, TaskSpec& spec) {
  for (const auto& [key, list] : {std::pair{"train", &spec.train_list}, {"test", &spec.test_list}})
    if (const Json* json = object.child(key))
      *list = read_list_spec(*json, object.where(key), spec.files);
  if (spec.train_list.empty() != spec.test_list.empty())
    throw InputError(where, spec.train_list.empty() ? "train" : "test",
                     "the other of the two lists", "none");
}

// Keys that say the same thing twice, or nothing.
void require_one_way(const JsonObject& object, const std::string& where, const TaskSpec& spec) {
  const bool has_lists = !spec.train_list.empty();
  if (has_lists && !spec.manifest.empty())
    throw InputError(where, "manifest", "either manifest (with folds) or train and test", "both");
  if (!has_lists && spec.manifest.empty() && spec.dataset.empty())
    throw InputError(where, "manifest", "manifest, or train and test, or dataset", "none of them");
  if (!spec.class_names.empty() && !spec.labels.empty())
    throw InputError(where, "labels", "no label file beside class_names", quoted(spec.labels));
  if (has_lists && object.has("folds"))
    throw InputError(where, "folds", "none, as the lists are the split", "folds");
}

}  // namespace

TaskSpec read_task_spec(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  TaskSpec spec;
  object.skip("comment");
  const FieldReader required(object, Missing::refused), optional(object);
  required("name", spec.name);
  spec.kind = object.choice("kind", {"synthetic", "manifest"}) == "synthetic" ? TaskKind::synthetic
                                                                              : TaskKind::manifest;
  fields_of_any(spec, optional);
  if (spec.kind == TaskKind::synthetic) {
    fields_of_synthetic(spec, required);
    require_samples_before_pretraining(spec, where);
    optional("world_version", spec.world_version, 1, synthetic::kNewestWorld);
  } else {
    fields_of_manifest(spec, optional);
    read_official_lists(object, where, spec);
    require_one_way(object, where, spec);
  }
  object.finish();
  if (spec.name.empty()) throw InputError(where, "name", "a name", quoted(spec.name));
  return spec;
}

Json to_json(const TaskSpec& spec) {
  Json json;
  const FieldWriter writer(json);
  writer("name", spec.name);
  writer.named(true, "kind", spec.kind, kKinds);
  fields_of_any(spec, writer);
  if (spec.kind == TaskKind::synthetic) {
    fields_of_synthetic(spec, writer);
    if (spec.world_version != 1) writer("world_version", spec.world_version);
    return json;
  }
  fields_of_manifest(spec, writer);
  if (spec.train_list.empty()) return json;
  json["train"] = to_json(spec.train_list);
  json["test"] = to_json(spec.test_list);
  return json;
}

}  // namespace permafrost
