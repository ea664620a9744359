// SPDX-License-Identifier: Apache-2.0
#pragma once

// inspect --on TASK: what an encoder's features look like on clips, before anybody trains a probe.
#include <string>
#include <vector>

#include "bench/app/command_line.h"
#include "datasets/tasks/task.h"
#include "models/encoders/encoder.h"
#include "models/pretraining/objectives/feature_health.h"

namespace permafrost {

// On which clips an encoder's features are looked at.
struct HealthOptions {
  std::string task, suite = "pico", data;  // task empty: not at all
  std::int64_t clips = 64;
};

struct HealthOnTask {
  FeatureHealth health;
  std::string task;
  std::int64_t clips = 0;             // that could be read
  std::vector<std::string> failures;  // why others could not
};

// The task, and clips that lie evenly in its training side. Throws InputError for a task that is
// not there.
Task task_of_health(const HealthOptions& options, const ClipShape& shape);
std::vector<std::int64_t> samples_of_health(const Task& task, const HealthOptions& options);

// Encodes clips that lie evenly in the training side of the task. Throws InputError for a task that
// is not there or has fewer than two clips that can be read.
HealthOnTask health_on_task(const CommonOptions& common, const HealthOptions& options,
                            const Encoder& encoder);

Json to_json(const HealthOnTask& found);
std::string text_of(const HealthOnTask& found, const Encoder& encoder);

}  // namespace permafrost
