// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pretraining: the steps of a run from its configuration to its encoder, resumable at any moment.
// What lies in the run's folder is run_folder.h's.
#include <filesystem>
#include <functional>

#include "common/machine/execution.h"
#include "datasets/clips/loader.h"
#include "models/pretraining/clip_bank.h"
#include "models/pretraining/pretrain_config.h"
#include "models/pretraining/trainer.h"

namespace permafrost {

struct PretrainOptions {
  std::filesystem::path out;
  Execution execution;  // the seed is the configuration's
  // Where curves of what the log says go, for TensorBoard (event_file.h); empty: nowhere.
  std::filesystem::path tensorboard;
  bool bfloat16 = true;         // of encoder.safetensors
  std::int64_t stop_after = 0;  // tests: leave after so many steps of this call; 0: never
  // Where the clips of the configuration's stream are; null: they are read as they are needed. It
  // must hold the `distinct_clips` of the configuration.
  const ClipBank* bank = nullptr;
  // Ranks that train together; null: this process alone. Rank 0 alone reads and writes `out`. What
  // the ranks' CPUs compute exactly has the bits of one process.
  ProcessGroup* group = nullptr;
  Reduce reduce = Reduce::exact;
  // Asked after every step: true leaves a checkpoint and the run unfinished. Of ranks, one that
  // says so stops all.
  std::function<bool()> stop = [] { return false; };
};

struct PretrainResult {
  std::int64_t steps = 0;  // done in all calls together
  bool finished = false;
  std::int64_t missing_files = 0;  // of the lists of real clips, left out
  double loss = 0;                 // of the last step that was watched
  double seconds = 0;              // of this call
  double wait_seconds = 0;         // of these, waiting for clips
  double clips_per_second = 0;     // of all ranks
  LoaderStatistics loader;         // of this call; empty with a bank
  StepReport last;                 // the last one of this call
};

// Continues from options.out where that holds a checkpoint of the same configuration (InputError
// naming the first key that differs otherwise, or that files of its lists have come or gone).
// Bit-identical to a run that was never interrupted, also with another number of ranks. What is
// refused before the first step leaves no config.json.
PretrainResult pretrain(const PretrainConfig& config, const Json& config_json,
                        const PretrainOptions& options);

}  // namespace permafrost
