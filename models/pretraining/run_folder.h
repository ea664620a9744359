// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a pretraining leaves in its folder, and goes on from: config.json, log.jsonl (one JSON
// object a line), checkpoint.safetensors (while unfinished work could be lost) and, at the end,
// encoder.safetensors and what else the objective leaves.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "models/pretraining/pretrain_config.h"
#include "models/pretraining/run_log.h"
#include "models/pretraining/trainer.h"

namespace permafrost {

class RunFolder {
 public:
  // `missing`: what RealLists says of files left out, or null. All must outlive this.
  RunFolder(std::filesystem::path out, const PretrainConfig& config, const Json& config_json,
            const Json& missing);

  // Weights, optimiser and step of the checkpoint, where there is one, into `state`; writes
  // nothing. Throws InputError naming the first key in which the checkpoint's configuration
  // differs, what the checkpoint lacks, that log.jsonl is not the one that belongs to it, or that
  // files of the lists have come or gone.
  void resume(TrainerState& state);
  // Before the first step: config.json, and the log as far as the checkpoint knows it.
  void begin();
  // Beside what every encoder's file says of its run.
  void add_to_provenance(const std::string& key, const Json& value) { told_[key] = value; }
  void add_to_log(const std::string& line) { log_.add(line); }
  // The log goes first: the checkpoint says how much of it is its own.
  void write_checkpoint(TrainerState& state);
  // The encoder that the objective exports, with all that is told beside it, after its other files:
  // where there is an encoder, the run is whole.
  void write_encoder(const TrainerState& state, bool bfloat16);

 private:
  void read_checkpoint(TrainerState& state);

  std::filesystem::path out_, checkpoint_;
  const PretrainConfig& config_;
  const Json& json_;
  const Json& missing_;
  RunLog log_;
  Json told_ = Json::object();
  bool has_begun_ = false;
  std::optional<LogMark> mark_;  // of the checkpoint that was read
  std::string first_lines_;      // of a log that begins
};

// What a line of log.jsonl says: the objective's own figures stand among those of every run.
OrderedJson log_entry(const PretrainConfig& config, std::int64_t step, const StepReport& report,
                      double clips_per_second);

}  // namespace permafrost
