// SPDX-License-Identifier: Apache-2.0
#include "datasets/synthetic/source.h"

#include "common/error.h"
#include "common/files/hash.h"
#include "common/nearest_name.h"

namespace permafrost::synthetic {
namespace {

const char* name_of(Split split) { return split == Split::train ? "train" : "test"; }

std::string shape_text(const ClipShape& shape) {
  return std::to_string(shape.frames) + "x" + std::to_string(shape.height) + "x" +
         std::to_string(shape.width);
}

}  // namespace

TaskSource::TaskSource(SyntheticTask task, Split split, std::int64_t count, const ClipShape& shape,
                       std::int64_t first)
    : task_(task), split_(split), count_(count), first_(first), shape_(shape) {}

Target TaskSource::target(std::int64_t index) const {
  const int label = static_cast<int>((first_ + index) % 8);
  if (task_ != SyntheticTask::localised_action) return label;
  return {label, box_of(draw_scene({task_, split_, first_ + index}), shape_)};
}

std::string TaskSource::name(std::int64_t index) const {
  return std::string(synthetic::name_of(task_)) + "/" + name_of(split_) + "/" +
         std::to_string(first_ + index);
}

Sample TaskSource::read(std::int64_t index, int, int) const {
  return {render(draw_scene({task_, split_, first_ + index}), shape_), ""};
}

std::string TaskSource::identity() const {
  return sha256_of("synthetic world " + std::to_string(kWorldVersion) + " " +
                   synthetic::name_of(task_) + " " + name_of(split_) + " from " +
                   std::to_string(first_) + " count " + std::to_string(count_) + " " +
                   shape_text(shape_));
}

std::string MixtureSource::name(std::int64_t index) const {
  const auto task = static_cast<SyntheticTask>(index % 3);
  return std::string("mixture/") + synthetic::name_of(task) + "/" +
         std::to_string(kMixtureFirst + index / 3);
}

Sample MixtureSource::read(std::int64_t index, int, int) const {
  const auto task = static_cast<SyntheticTask>(index % 3);
  return {render(draw_scene({task, Split::train, kMixtureFirst + index / 3}), shape_), ""};
}

std::string MixtureSource::identity() const {
  return sha256_of("synthetic mixture, world " + std::to_string(kWorldVersion) + " " +
                   shape_text(shape_));
}

std::vector<std::string> world_names() {
  std::vector<std::string> names;
  for (int i = 0; i < kSyntheticTasks; ++i)
    names.emplace_back(synthetic::name_of(static_cast<SyntheticTask>(i)));
  return names;
}

SyntheticTask task_named(const std::string& name, const std::string& flag) {
  const auto names = world_names();
  for (int i = 0; i < kSyntheticTasks; ++i)
    if (names[static_cast<std::size_t>(i)] == name) return static_cast<SyntheticTask>(i);
  throw InputError(flag, "", "one of " + joined(names), quoted(name),
                   "nearest: " + nearest_name(name, names));
}

}  // namespace permafrost::synthetic
