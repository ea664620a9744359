// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pretraining: masked prediction of features or pixels, resumable at any moment.
//
// DIR afterwards holds config.json, log.jsonl (one JSON object a line), checkpoint.safetensors
// (while unfinished work could be lost) and, at the end, encoder.safetensors.
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "datasets/clips/clip_source.h"
#include "datasets/clips/loader.h"
#include "datasets/lists/manifest.h"
#include "models/pretraining/clip_bank.h"
#include "models/pretraining/pretrain_config.h"
#include "models/pretraining/trainer.h"

namespace permafrost {

struct PretrainOptions {
  std::filesystem::path out;
  int threads = 1;
  std::string device = "cpu";
  bool quiet = false;
  bool bfloat16 = true;         // of encoder.safetensors
  std::int64_t stop_after = 0;  // tests: leave after so many steps of this call; 0: never
  // Where the clips of the configuration's stream are; null: they are read as they are needed. It
  // must hold the `distinct_clips` of the configuration.
  const ClipBank* bank = nullptr;
  // Asked after every step: true leaves a checkpoint and the run unfinished.
  std::function<bool()> stop = [] { return false; };
};

struct PretrainResult {
  std::int64_t steps = 0;  // done in all calls together
  bool finished = false;
  std::int64_t missing_files = 0;  // of the lists of real clips, left out
  double loss = 0;                 // of the last step that was watched
  double seconds = 0;              // of this call
  double wait_seconds = 0;         // of these, waiting for clips
  double clips_per_second = 0;
  LoaderStatistics loader;  // of this call; empty with a bank
  StepReport last;          // the last one of this call
};

// Continues from options.out where that holds a checkpoint of the same configuration (InputError
// naming the first key that differs otherwise, or that files of its lists have come or gone).
// Bit-identical to a run that was never interrupted. What is refused before the first step leaves
// no config.json.
PretrainResult pretrain(const PretrainConfig& config, const Json& config_json,
                        const PretrainOptions& options);

// The lists of real clips that a configuration names; none where no clip is drawn from them.
struct RealLists {
  std::vector<Manifest> lists;
  // Of every list: how many entries it has, how many of them were left out as their files are
  // missing, the first of these, and the identity of what is left. Null where that is an error.
  Json missing;
};

// Throws InputError as read_manifest(), and as require_files() of missing_files.h.
RealLists read_real_lists(const PretrainConfig& config);

// The stream that the configuration asks for: the synthetic mixture, with real clips mixed in.
std::unique_ptr<ClipSource> pretraining_stream(const PretrainConfig& config, RealLists real);
std::unique_ptr<ClipSource> pretraining_stream(const PretrainConfig& config);

}  // namespace permafrost
