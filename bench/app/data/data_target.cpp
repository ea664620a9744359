// SPDX-License-Identifier: Apache-2.0
#include "bench/app/data/data_target.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "common/error.h"
#include "common/files/files.h"
#include "datasets/lists/dataset_spec.h"
#include "datasets/lists/manifest.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

fs::path absolute_or_empty(const std::string& path) {
  return path.empty() ? fs::path() : fs::absolute(path);
}

bool is_here_as_well(const std::string& target) {
  std::error_code ignored;
  return is_known_dataset(target) && fs::exists(target, ignored);
}

void refuse_list_flags(const DataOptions& options, const std::string& what) {
  for (const auto& [flag, value] : {std::pair{"--root", options.root},
                                    {"--extension", options.extension},
                                    {"--separator", options.separator},
                                    {"--labels", options.labels}})
    if (!value.empty())
      throw InputError(
          flag, "", "none, as " + what + " says how its lists are read", quoted(value),
          is_here_as_well(options.target) ? "the one here is ./" + options.target : "");
  if (options.multi_label)
    throw InputError("--multi-label", "", "none, as " + what + " says it (\"multi_label\": true)",
                     "the flag");
}

// A JSON file is a task, a dataset, or a list.
bool is_object(const fs::path& file, Json& json) {
  if (file.extension() != ".json" || is_json_lines(read_file(file))) return false;
  json = read_json(file.string());
  return json.is_object();
}

}  // namespace

bool is_known_dataset(const std::string& target) {
  const auto known = known_datasets();
  return std::find(known.begin(), known.end(), target) != known.end();
}

DataTarget data_target(const DataOptions& options) {
  const fs::path given = options.target;
  std::error_code ignored;
  DataTarget target;
  target.spec.name = given.stem().string();
  target.spec.kind = TaskKind::manifest;
  if (is_known_dataset(options.target)) {
    refuse_list_flags(options, "a known dataset");
    target.spec.dataset = options.target;
    target.data = data_folder(options.data);
    return target;
  }
  const auto files = files_of_list(given);
  if (std::none_of(files.begin(), files.end(),
                   [&](const fs::path& file) { return fs::exists(file, ignored); }))
    throw InputError("data", "", "a list, a folder, a task, or one of the datasets known by name",
                     quoted(options.target));
  Json json;
  if (fs::is_regular_file(given, ignored) && is_object(given, json)) {
    refuse_list_flags(options, "the file");
    target.data = options.data.empty() ? fs::absolute(given).parent_path() : fs::path(options.data);
    if (json.contains("kind"))
      target.spec = read_task_spec(json, options.target);
    else
      target.spec.dataset = fs::absolute(given).string();
    if (target.spec.kind != TaskKind::manifest)
      throw InputError(options.target, "kind", "manifest", "\"synthetic\"");
    return target;
  }
  target.is_list = true;
  target.data = fs::current_path();
  target.spec.manifest = fs::absolute(given).lexically_normal().string();
  target.spec.files.root = absolute_or_empty(options.root).string();
  target.spec.files.extension = options.extension;
  target.spec.files.separator = options.separator;
  target.spec.labels = absolute_or_empty(options.labels).string();
  if (options.multi_label) target.spec.multi_label = true;
  return target;
}

void add_data_target(CLI::App* command, DataOptions& options) {
  command
      ->add_option("target", options.target,
                   "a list, a folder of classes, a task or dataset in JSON, or a known dataset")
      ->required();
  command->add_option("--data", options.data, "folder of real datasets; default: $PERMAFROST_DATA");
  command->add_option("--root", options.root, "where paths of the list start; else beside it");
  command->add_option("--extension", options.extension, "put behind names without one: .webm");
  command->add_option("--separator", options.separator,
                      "between path and label; default: recognised from the list");
  command->add_option("--labels", options.labels, "file of class names");
  command->add_flag("--multi-label", options.multi_label,
                    "several labels a sample, or none: a.mp4 3 7");
}

void require_same_lists(ProcessGroup& group, const std::vector<NamedList>& lists) {
  std::string identities;
  for (const auto& list : lists) identities += list.manifest.identity + "\n";
  group.require_same("lists", identities, "every rank sees the same lists");
}

}  // namespace permafrost
