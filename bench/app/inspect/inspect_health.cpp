// SPDX-License-Identifier: Apache-2.0
#include "bench/app/inspect/inspect_health.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/app/device.h"
#include "bench/suites/task_option.h"
#include "common/error.h"
#include "probes/encode/features.h"

namespace permafrost {
namespace {

constexpr std::int64_t kBatch = 8;

std::vector<std::int64_t> evenly(const std::vector<std::int64_t>& all, std::int64_t wanted) {
  const auto n = static_cast<std::int64_t>(all.size());
  std::vector<std::int64_t> some;
  for (std::int64_t i = 0; i < std::min(wanted, n); ++i)
    some.push_back(all[static_cast<std::size_t>(i * n / std::min(wanted, n))]);
  return some;
}

}  // namespace

Task task_of_health(const HealthOptions& options, const ClipShape& shape) {
  std::string data = options.data;
  const TaskSpec spec = chosen_task(read_suite(options.suite), options.task, data);
  Task task = open_task(spec, shape, data_folder(data));
  if (!task.available())
    throw InputError("--on", spec.name, "data that can be read", task.unavailable);
  return task;
}

std::vector<std::int64_t> samples_of_health(const Task& task, const HealthOptions& options) {
  return evenly(task.folds.at(0).train, options.clips);
}

HealthOnTask health_on_task(const CommonOptions& common, const HealthOptions& options,
                            const Encoder& encoder) {
  const Task task = task_of_health(options, encoder.spec.clip_shape());
  const auto samples = samples_of_health(task, options);
  Encoder placed = encoder;
  placed.weights = to_device(encoder.weights, at::Device(chosen_device(common.device)));
  std::vector<std::string> failures;
  const at::Tensor all = encode_raw(placed, *task.source, samples,
                                    {.threads = common.thread_count(), .batch = kBatch}, failures);
  HealthOnTask found{.task = task.name};
  std::vector<std::int64_t> read;
  for (std::size_t i = 0; i < failures.size(); ++i)
    if (failures[i].empty())
      read.push_back(static_cast<std::int64_t>(i));
    else
      found.failures.push_back(failures[i]);
  found.clips = static_cast<std::int64_t>(read.size());
  if (found.clips < 2)
    throw InputError("--on", task.name, "at least 2 clips that can be read",
                     found.failures.empty() ? std::to_string(found.clips) : found.failures.front());
  found.health = feature_health(all.index_select(0, at::tensor(read)));
  return found;
}

Json to_json(const HealthOnTask& found) {
  return {{"task", found.task},
          {"clips", found.clips},
          {"failures", found.failures},
          {"feature_deviation", found.health.deviation},
          {"feature_deviation_at_place", found.health.deviation_at_place},
          {"feature_deviation_in_clip", found.health.deviation_in_clip},
          {"feature_rank", found.health.rank}};
}

std::string text_of(const HealthOnTask& found, const Encoder& encoder) {
  char line[200];
  std::snprintf(
      line, sizeof line,
      "features    %lld clips of %s: deviation %.3f (%.3f at a fixed place, %.3f in a clip), "
      "effective rank %.1f of %d\n",
      static_cast<long long>(found.clips), found.task.c_str(), found.health.deviation,
      found.health.deviation_at_place, found.health.deviation_in_clip, found.health.rank,
      encoder.spec.width);
  std::string text = line;
  for (const auto& failure : found.failures) text += "unreadable  " + failure + "\n";
  return text;
}

}  // namespace permafrost
