// SPDX-License-Identifier: Apache-2.0
#pragma once

// The synthetic world as clip sources: labelled tasks and the unlabelled mixture for pretraining.
#include "datasets/clips/clip_source.h"
#include "datasets/synthetic/scene.h"

namespace permafrost::synthetic {

// The first `count` samples of a split in a version of the world, rendered when they are read.
// `first` shifts the window: pretraining and supervised baselines draw from other parts of the
// train split than the probes.
class TaskSource : public ClipSource {
 public:
  TaskSource(SyntheticTask task, Split split, std::int64_t count, const ClipShape& shape,
             std::int64_t first = 0, int version = 1);
  std::int64_t size() const override { return count_; }
  Target target(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;
  Sample read(std::int64_t index, int place, int places) const override;
  std::string identity() const override;
  // In the world of motion the direction is the class.
  bool directional() const override { return task_ == SyntheticTask::motion; }

 private:
  SyntheticTask task_;
  Split split_;
  std::int64_t count_, first_;
  ClipShape shape_;
  int version_;
};

// Clips of the train split from index kMixtureFirst on, which no probe ever sees. They have no
// target. Tasks take turns: in version 1 appearance, motion, object; in version 2 all six. Version
// 2 films the tasks of still images, too: in every second round they move.
class MixtureSource : public ClipSource {
 public:
  static constexpr std::int64_t kMixtureFirst = 1'000'000;
  MixtureSource(std::int64_t count, const ClipShape& shape, int version = 1)
      : count_(count), shape_(shape), version_(version) {}
  std::int64_t size() const override { return count_; }
  Target target(std::int64_t) const override { return {}; }
  std::string name(std::int64_t index) const override;
  Sample read(std::int64_t index, int place, int places) const override;
  std::string identity() const override;

 private:
  SceneName scene_name(std::int64_t index) const;
  std::int64_t count_;
  ClipShape shape_;
  int version_;
};

std::vector<std::string> world_names();

// Throws InputError naming `flag` for an unknown name.
SyntheticTask task_named(const std::string& name, const std::string& flag);

}  // namespace permafrost::synthetic
