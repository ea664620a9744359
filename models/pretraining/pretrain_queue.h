// SPDX-License-Identifier: Apache-2.0
#pragma once

// Several pretrainings in one process, some of them at a time: what a device that is faster than
// one thread can feed is used by several. Runs that repeat the same clips share them on the device.
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/pretraining/pretrain.h"

namespace permafrost {

struct QueuedRun {
  PretrainConfig config;
  Json json;
  std::filesystem::path out;
  std::filesystem::path tensorboard = {};  // as in PretrainOptions
};

struct QueueOptions {
  int jobs = 1;        // runs at a time
  double minutes = 0;  // after which runs stop at a checkpoint and no other begins; 0: never
  // Asked after every step, from any thread: true does the same at once.
  std::function<bool()> stop = [] { return false; };
  // Ranks that do every run together, one run after the other: see PretrainOptions.
  ProcessGroup* group = nullptr;
  Reduce reduce = Reduce::exact;
  // Threads in all: over the runs on a CPU; on a device those that render clips. The seeds are the
  // configurations'.
  Execution execution;
};

struct QueueResult {
  bool started = false;
  PretrainResult run;
};

// Runs all, in order of the list as threads become free; one result a run. `finished` is told of
// every run as it ends, from the thread that ran it, never two at once. The first error stops the
// runs in flight at a checkpoint and is thrown.
std::vector<QueueResult> pretrain_all(
    const std::vector<QueuedRun>& runs, const QueueOptions& options,
    const std::function<void(const QueuedRun&, const PretrainResult&)>& finished);

}  // namespace permafrost
