// SPDX-License-Identifier: Apache-2.0
#include "datasets/task_lists.h"

#include <system_error>
#include <utility>

#include "common/error.h"
#include "datasets/class_names.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

ResolvedList resolved(const ListSpec& list, const fs::path& folder, ManifestOptions options) {
  options.root = list.root.empty() ? fs::path() : folder / list.root;
  options.extension = list.extension;
  options.separator = list.separator;
  options.split = list.split;
  return {folder / list.manifest, std::move(options), list.samples};
}

std::string missing(const fs::path& path, const std::string& obtain) {
  return path.string() + ": no such file or folder" +
         (obtain.empty() ? "" : " (to obtain it: " + obtain + ")");
}

// What the task says of its own goes before what its dataset says.
struct Lists {
  ListSpec train, test, all;
  fs::path folder;
};

Lists chosen_lists(const TaskSpec& spec, const DatasetSpec& dataset, const fs::path& data) {
  if (!spec.manifest.empty()) {
    ListSpec all = spec.files;
    all.manifest = spec.manifest;
    return {.all = std::move(all), .folder = data};
  }
  if (!spec.train_list.empty())
    return {.train = spec.train_list, .test = spec.test_list, .folder = data};
  return {dataset.train, dataset.test, dataset.all, dataset_folder(dataset, data)};
}

}  // namespace

ResolvedLists resolve_lists(const TaskSpec& spec, const fs::path& data) {
  ResolvedLists out;
  std::error_code ignored;
  if (!spec.dataset_folder.empty()) {
    if (!fs::is_directory(spec.dataset_folder, ignored))
      out.unavailable = spec.dataset_folder + ": no such folder";
  } else if (data.empty()) {
    out.unavailable = "no folder of real data (--data DIR or PERMAFROST_DATA)";
  } else if (!fs::is_directory(data, ignored)) {
    out.unavailable = data.string() + ": no such folder";
  }
  if (!out.unavailable.empty()) return out;
  DatasetSpec dataset;
  if (!spec.dataset.empty()) dataset = dataset_named(spec.dataset, data);
  if (!spec.dataset_folder.empty()) dataset.folder = spec.dataset_folder;
  Lists lists = chosen_lists(spec, dataset, data);
  const std::int64_t train_samples = dataset.train.samples, test_samples = dataset.test.samples;
  if (lists.train.samples == 0) lists.train.samples = train_samples;
  if (lists.test.samples == 0) lists.test.samples = test_samples;

  fs::path labels;
  if (!spec.labels.empty())
    labels = data / spec.labels;
  else if (!dataset.labels.empty() && spec.class_names.empty())
    labels = dataset_folder(dataset, data) / dataset.labels;
  std::vector<fs::path> needed;
  for (const ListSpec* list : {&lists.train, &lists.test, &lists.all})
    if (!list->empty()) needed.push_back(lists.folder / list->manifest);
  if (!labels.empty()) needed.push_back(labels);
  for (const auto& path : needed) {
    if (fs::exists(path, ignored)) continue;
    out.unavailable = missing(path, dataset.obtain);
    return out;
  }

  ManifestOptions options;
  options.require_files = !spec.count_missing.value_or(dataset.count_missing);
  options.class_names = spec.class_names;
  if (options.class_names.empty()) options.class_names = dataset.class_names;
  if (!labels.empty()) options.class_names = read_class_names(labels);
  options.name_classes = options.class_names.empty();
  options.classes = dataset.classes;
  if (!lists.all.empty()) {
    out.all = resolved(lists.all, lists.folder, options);
  } else {
    out.train = resolved(lists.train, lists.folder, options);
    out.test = resolved(lists.test, lists.folder, options);
  }
  return out;
}

std::vector<NamedList> read_lists_apart(const ResolvedLists& lists) {
  const ResolvedList& first = lists.has_folds() ? lists.all : lists.train;
  std::vector<NamedList> out;
  out.push_back({lists.has_folds() ? "all" : "train", first.path,
                 read_manifest(first.path, first.options), first.samples});
  const int classes = first.options.classes;
  const Manifest& manifest = out[0].manifest;
  if (classes > 0 && manifest.classes != classes)
    throw InputError(first.path.string(), "classes", std::to_string(classes),
                     std::to_string(manifest.classes));
  if (lists.has_folds()) return out;
  ManifestOptions options = lists.test.options;
  if (options.class_names.empty()) options.class_names = manifest.class_names;
  // Where the training list has numbers for labels, the test list has no names either.
  options.name_classes = false;
  out.push_back(
      {"test", lists.test.path, read_manifest(lists.test.path, options), lists.test.samples});
  return out;
}

TaskSamples joined(std::vector<NamedList> lists) {
  TaskSamples samples;
  samples.manifest = std::move(lists.at(0).manifest);
  if (lists.size() == 1) return samples;
  samples.train = static_cast<std::int64_t>(samples.manifest.entries.size());
  samples.manifest =
      joined_lists(std::move(samples.manifest), lists[1].manifest, lists[1].path.string());
  return samples;
}

}  // namespace permafrost
