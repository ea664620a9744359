// SPDX-License-Identifier: Apache-2.0
#pragma once

// The work and memory of one record, before it is computed.
#include <cstdint>
#include <filesystem>
#include <optional>

#include "bench/machines/machine.h"
#include "bench/run/probe_features.h"
#include "bench/suites/table_spec.h"

namespace permafrost {

// Of a task, also of one whose files are not there.
struct TaskSizes {
  TaskKind kind = TaskKind::synthetic;
  std::int64_t samples = 0;          // different ones; 0: not known
  std::int64_t train = 0, test = 0;  // of all folds together
  bool has_boxes = false;
};

// Of a dataset that is not there the samples that were released.
TaskSizes sizes_of(const Task& task, const TaskSpec& spec, const std::filesystem::path& data);

// Of the process that would compute.
struct EstimateSetting {
  FeatureStore features = FeatureStore::automatic;
  std::int64_t batch = 0;  // see fitting_samples()
  // Of a GPU that encodes, shared by so many threads; none: a CPU.
  std::optional<double> device_memory;
  int threads = 1;
  double memory_bytes = 0;  // of clips and features
  int shards_at_once = 1;   // of a fine-tuning
};

// As the run divides it: half of what a process has. Without a machine what is free here, unless
// `asked` is above 0 (--memory).
double memory_of_process(const std::optional<Machine>& machine, double asked);

struct CellEstimate {
  Work task;   // shared by all who look at the same clips: reading them, where they are kept
  Work group;  // shared by the cells of a group: encoding, where features are kept
  Work cell;   // the rest
  double feature_bytes = 0;
  bool streamed = false;
  double device_bytes = 0;
};

// All of it 0 where the task's size is not known.
CellEstimate estimate_of(const EncoderSpec& spec, const TaskSizes& sizes, const TaskSpec& task,
                         const ProtocolChoice& protocol, const EstimateSetting& setting);

}  // namespace permafrost
