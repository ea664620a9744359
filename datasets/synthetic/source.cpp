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
                       std::int64_t first, int version)
    : task_(task), split_(split), count_(count), first_(first), shape_(shape), version_(version) {}

Target TaskSource::target(std::int64_t index) const {
  const int label = static_cast<int>((first_ + index) % 8);
  if (task_ != SyntheticTask::localised_action) return label;
  return {label, box_of(draw_scene({task_, split_, first_ + index, version_}), shape_)};
}

std::string TaskSource::name(std::int64_t index) const {
  return std::string(synthetic::name_of(task_)) + "/" + name_of(split_) + "/" +
         std::to_string(first_ + index);
}

Sample TaskSource::read(std::int64_t index, int, int) const {
  return {render(draw_scene({task_, split_, first_ + index, version_}), shape_), ""};
}

std::string TaskSource::identity() const {
  return sha256_of("synthetic world " + std::to_string(version_) + " " + synthetic::name_of(task_) +
                   " " + name_of(split_) + " from " + std::to_string(first_) + " count " +
                   std::to_string(count_) + " " + shape_text(shape_));
}

SceneName MixtureSource::scene_name(std::int64_t index) const {
  const std::int64_t tasks = version_ == 1 ? 3 : kSyntheticTasks;
  return {static_cast<SyntheticTask>(index % tasks), Split::train, kMixtureFirst + index / tasks,
          version_};
}

std::string MixtureSource::name(std::int64_t index) const {
  const SceneName scene = scene_name(index);
  return std::string("mixture/") + synthetic::name_of(scene.task) + "/" +
         std::to_string(scene.index);
}

Sample MixtureSource::read(std::int64_t index, int, int) const {
  const SceneName name = scene_name(index);
  Scene scene = draw_scene(name);
  if (version_ != 1 && name.index % 16 >= 8) scene.still = false;
  return {render(scene, shape_), ""};
}

std::string MixtureSource::identity() const {
  return sha256_of("synthetic mixture, world " + std::to_string(version_) + " " +
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
