// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pretraining: masked prediction of features or pixels, resumable at any moment.
//
// DIR afterwards holds config.json, log.jsonl (one JSON object a line), checkpoint.safetensors
// (while unfinished work could be lost) and, at the end, encoder.safetensors.
#include <filesystem>
#include <memory>

#include "datasets/clip_source.h"
#include "datasets/loader.h"
#include "models/pretrain_config.h"

namespace permafrost {

struct PretrainOptions {
  std::filesystem::path out;
  int threads = 1;
  std::string device = "cpu";
  bool quiet = false;
  bool bfloat16 = true;         // of encoder.safetensors
  std::int64_t stop_after = 0;  // tests: leave after so many steps of this call; 0: never
};

struct PretrainResult {
  std::int64_t steps = 0;  // done in all calls together
  bool finished = false;
  double loss = 0;  // of the last step
  double clips_per_second = 0;
  LoaderStatistics loader;  // of this call
};

// Continues from options.out where that holds a checkpoint of the same configuration (InputError
// naming the first key that differs otherwise). Bit-identical to a run that was never interrupted.
PretrainResult pretrain(const PretrainConfig& config, const Json& config_json,
                        const PretrainOptions& options);

// The stream that the configuration asks for: the synthetic mixture, with real clips mixed in.
std::unique_ptr<ClipSource> pretraining_stream(const PretrainConfig& config);

}  // namespace permafrost
