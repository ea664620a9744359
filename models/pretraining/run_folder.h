// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a pretraining leaves in its folder, and goes on from: config.json, log.jsonl (one JSON
// object a line), checkpoint.safetensors (while unfinished work could be lost) and, at the end,
// encoder.safetensors.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "models/pretraining/pretrain_config.h"
#include "models/pretraining/trainer.h"

namespace permafrost {

class RunFolder {
 public:
  // `missing`: what RealLists says of files left out, or null. All must outlive this.
  RunFolder(std::filesystem::path out, const PretrainConfig& config, const Json& config_json,
            const Json& missing)
      : out_(std::move(out)), config_(config), json_(config_json), missing_(missing) {}

  // Weights, optimiser and step of the checkpoint, where there is one, into `state`; the log so
  // far, or the one that a new run begins with. Throws InputError naming the first key in which the
  // checkpoint's configuration differs, what the checkpoint lacks, or that files of the lists have
  // come or gone.
  std::string resume(TrainerState& state) const;
  void write_config() const;
  // `log`: lines so far; kept with the weights too, so that both tell the same story.
  void write_checkpoint(TrainerState& state, const std::string& log) const;
  // The encoder that the objective exports, with all that is told beside it.
  void write_encoder(const TrainerState& state, const std::string& log, bool bfloat16) const;

 private:
  std::filesystem::path out_;
  const PretrainConfig& config_;
  const Json& json_;
  const Json& missing_;
};

// A line of log.jsonl: the objective's own figures stand among those of every run.
std::string log_line(const PretrainConfig& config, std::int64_t step, const StepReport& report,
                     double clips_per_second);

}  // namespace permafrost
