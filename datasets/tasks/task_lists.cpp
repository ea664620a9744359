// SPDX-License-Identifier: Apache-2.0
#include "datasets/tasks/task_lists.h"

#include <system_error>
#include <utility>

#include "common/error.h"
#include "datasets/lists/class_names.h"

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

std::string unreadable_data(const TaskSpec& spec, const fs::path& data) {
  std::error_code ignored;
  if (!spec.dataset_folder.empty())
    return fs::is_directory(spec.dataset_folder, ignored)
               ? ""
               : spec.dataset_folder + ": no such folder";
  // A file that declares a dataset says where it lies, from itself on.
  const fs::path file = spec.dataset;
  if (file.is_absolute() && file.extension() == ".json") return "";
  if (data.empty()) return "no folder of real data (--data DIR or PERMAFROST_DATA)";
  return fs::is_directory(data, ignored) ? "" : data.string() + ": no such folder";
}

// Looks for what a list is read from, and notes in `out` what is not there.
void look_for(const std::string& name, ResolvedList& list, const std::string& obtain,
              Completeness completeness, ResolvedLists& out) {
  std::error_code ignored;
  const std::vector<fs::path> files = files_of_list(list.path);
  std::vector<fs::path> gone;
  for (const auto& file : files)
    if (!fs::exists(file, ignored)) gone.push_back(file);
  if (gone.empty()) return;
  list.missing = gone.size() == files.size();
  if (completeness == Completeness::whole) {
    if (out.unavailable.empty()) out.unavailable = missing(gone.front(), obtain);
    return;
  }
  out.wrong.push_back("list " + name + ": " + missing(gone.front(), obtain) +
                      (gone.size() == 1 ? ""
                                        : ", nor " + std::to_string(gone.size() - 1) + " more of " +
                                              std::to_string(files.size())));
}

// The names of the classes as the task or its dataset gives them. Where the label file is not
// there, or has too few names or too many, `out` says so; of what is partial it is then left out.
std::vector<std::string> class_names_of(const TaskSpec& spec, const DatasetSpec& dataset,
                                        const fs::path& data, Completeness completeness,
                                        ResolvedLists& out) {
  if (!spec.class_names.empty()) return spec.class_names;
  fs::path labels;
  if (!spec.labels.empty())
    labels = data / spec.labels;
  else if (!dataset.labels.empty())
    labels = dataset_folder(dataset, data) / dataset.labels;
  if (labels.empty()) return dataset.class_names;
  std::error_code ignored;
  if (!fs::exists(labels, ignored)) {
    const std::string sentence = missing(labels, dataset.obtain);
    if (completeness == Completeness::partial)
      out.wrong.push_back("names of the classes: " + sentence);
    else if (out.unavailable.empty())
      out.unavailable = sentence;
    return {};
  }
  std::vector<std::string> names = read_class_names(labels);
  const auto count = static_cast<int>(names.size());
  if (dataset.classes == 0 || count == dataset.classes) return names;
  const InputError error(labels.string(), "classes", std::to_string(dataset.classes) + " names",
                         std::to_string(count));
  if (completeness == Completeness::whole) throw error;
  out.wrong.emplace_back(error.what());
  return {};
}

}  // namespace

ResolvedLists resolve_lists(const TaskSpec& spec, const fs::path& data, Completeness completeness) {
  ResolvedLists out;
  out.unavailable = unreadable_data(spec, data);
  if (!out.unavailable.empty()) return out;
  DatasetSpec dataset;
  if (!spec.dataset.empty()) dataset = dataset_named(spec.dataset, data);
  if (!spec.dataset_folder.empty()) dataset.folder = spec.dataset_folder;
  out.directional = spec.directional.value_or(dataset.directional);
  out.multi_label = spec.multi_label.value_or(dataset.multi_label);
  out.classes = dataset.classes;
  Lists lists = chosen_lists(spec, dataset, data);
  if (lists.train.samples == 0) lists.train.samples = dataset.train.samples;
  if (lists.test.samples == 0) lists.test.samples = dataset.test.samples;

  ManifestOptions options;
  options.require_files = !spec.count_missing.value_or(dataset.count_missing);
  options.classes = dataset.classes;
  options.multi_label = out.multi_label;
  options.partial = completeness == Completeness::partial;
  if (!lists.all.empty()) {
    out.all = resolved(lists.all, lists.folder, options);
    look_for("all", out.all, dataset.obtain, completeness, out);
  } else {
    out.train = resolved(lists.train, lists.folder, options);
    out.test = resolved(lists.test, lists.folder, options);
    look_for("train", out.train, dataset.obtain, completeness, out);
    look_for("test", out.test, dataset.obtain, completeness, out);
  }
  const bool nothing = out.has_folds() ? out.all.missing : out.train.missing && out.test.missing;
  if (nothing && out.unavailable.empty()) out.unavailable = out.wrong.front();
  if (!out.unavailable.empty()) return out;
  const std::vector<std::string> names = class_names_of(spec, dataset, data, completeness, out);
  for (ResolvedList* list : {&out.train, &out.test, &out.all}) {
    list->options.class_names = names;
    list->options.name_classes = names.empty();
  }
  return out;
}

namespace {

NamedList read_list(const std::string& name, const ResolvedList& list,
                    const ManifestOptions& options) {
  return {name, list.path, list.missing ? Manifest{} : read_manifest(list.path, options),
          list.samples};
}

// A test list has the classes of its training list.
ManifestOptions test_options(const ResolvedList& list, const Manifest& train) {
  ManifestOptions options = list.options;
  if (train.entries.empty()) return options;
  options.further_classes = options.partial && options.class_names.empty();
  if (options.class_names.empty()) options.class_names = train.class_names;
  // Where the training list has numbers for labels, the test list has no names either.
  options.name_classes = false;
  if (options.classes == 0) options.classes = train.classes;
  return options;
}

}  // namespace

std::vector<NamedList> read_lists_apart(const ResolvedLists& lists) {
  const ResolvedList& first = lists.has_folds() ? lists.all : lists.train;
  std::vector<NamedList> out;
  out.push_back(read_list(lists.has_folds() ? "all" : "train", first, first.options));
  const Manifest& manifest = out[0].manifest;
  if (!first.options.partial && lists.classes > 0 && manifest.classes != lists.classes)
    throw InputError(first.path.string(), "classes", std::to_string(lists.classes),
                     std::to_string(manifest.classes));
  if (!lists.has_folds())
    out.push_back(read_list("test", lists.test, test_options(lists.test, manifest)));
  return out;
}

TaskSamples joined(std::vector<NamedList> lists) {
  refuse_repeated_files(lists);
  TaskSamples samples;
  samples.manifest = std::move(lists.at(0).manifest);
  if (lists.size() == 1) return samples;
  samples.train = static_cast<std::int64_t>(samples.manifest.entries.size());
  samples.manifest = joined_lists(std::move(samples.manifest), lists[1].manifest);
  return samples;
}

}  // namespace permafrost
