// SPDX-License-Identifier: Apache-2.0
#include "datasets/tasks/task_warnings.h"

#include <algorithm>
#include <set>

#include "common/nearest_name.h"
#include "datasets/lists/class_names.h"

namespace permafrost {
namespace {

std::string counted(std::size_t count, const std::string& one, const std::string& several) {
  return std::to_string(count) + " " + (count == 1 ? one : several);
}

// The first five by name, or by number where there are no names.
std::string names_of(const std::vector<int>& labels, const Task& task) {
  std::vector<std::string> names;
  for (const int label : labels) {
    if (names.size() == 5) {
      names.emplace_back("...");
      break;
    }
    names.push_back(class_name_of(task.class_names, label));
  }
  return joined(names);
}

std::set<int> classes_of(const Task& task, const std::vector<std::int64_t>& samples) {
  std::set<int> classes;
  for (const auto i : samples)
    for (const int label : task.source->target(i).labels()) classes.insert(label);
  return classes;
}

std::vector<int> without(const std::set<int>& all, const std::set<int>& some) {
  std::vector<int> rest;
  std::set_difference(all.begin(), all.end(), some.begin(), some.end(), std::back_inserter(rest));
  return rest;
}

// What the folds hold, taken together.
struct Sides {
  std::set<int> all, untrained;  // untrained: tested in a fold whose training side lacks them
  bool trains_on_one = false;
};

Sides sides_of(const Task& task) {
  Sides sides;
  for (const auto& fold : task.folds) {
    const auto train = classes_of(task, fold.train), test = classes_of(task, fold.test);
    sides.all.insert(train.begin(), train.end());
    sides.all.insert(test.begin(), test.end());
    for (const int label : without(test, train)) sides.untrained.insert(label);
    sides.trains_on_one = sides.trains_on_one || train.size() == 1;
  }
  return sides;
}

}  // namespace

std::vector<std::string> warnings_of(const Task& task) {
  if (!task.available() || task.kind == TaskKind::synthetic) return {};
  const Sides sides = sides_of(task);
  const bool sets = task.target == TargetKind::class_set;
  std::vector<std::string> warnings;
  std::set<int> numbered;
  for (int label = 0; label < task.classes; ++label) numbered.insert(label);
  if (const auto empty = without(numbered, sides.all); !empty.empty())
    warnings.push_back(counted(empty.size(), "class has", "classes have") + " no sample (" +
                       names_of(empty, task) + "): chance is that of " +
                       counted(numbered.size(), "class", "classes") + ", of which " +
                       std::to_string(sides.all.size()) + " occur");
  if (sides.all.size() == 1 && !sets) {
    warnings.push_back("all samples are of one class (" + names_of({*sides.all.begin()}, task) +
                       "): every answer is right, and the number says nothing of the encoder");
    return warnings;
  }
  if (!sides.untrained.empty()) {
    const std::vector<int> labels(sides.untrained.begin(), sides.untrained.end());
    warnings.push_back(counted(labels.size(), "class is", "classes are") +
                       " tested without a sample to train on (" + names_of(labels, task) +
                       "): what is said of it is right by chance only");
  }
  if (sides.trains_on_one && !sets)
    warnings.push_back(
        "a training side has samples of one class alone: a head cannot learn to tell classes apart "
        "from it");
  return warnings;
}

}  // namespace permafrost
