// SPDX-License-Identifier: Apache-2.0
#pragma once

// One optimiser step after the other, on one device. What is learned is the objective's business;
// here are shards, precision, optimiser and clipping, by the names of its tensors.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "models/pretraining/objectives/learner.h"
#include "models/pretraining/pretrain_config.h"
#include "models/training/adamw.h"
#include "models/training/gradient_shards.h"

namespace permafrost {

struct TrainerOptions {
  int threads = 1;  // of a CPU, over gradient shards; a device is fed by the caller's thread alone
  at::Device device = at::kCPU;
  bool changing_shapes = true;  // of what sees masks: see ChangingShapes; false to time without
  // Ranks that train together, each its shards of a batch; null: this process alone. Must outlive
  // the trainer.
  ProcessGroup* group = nullptr;
  Reduce reduce = Reduce::exact;
};

// What a run consists of between two steps.
struct TrainerState {
  std::unique_ptr<Learner> learner;  // float32
  AdamW optimiser;                   // of its trained groups
  std::int64_t step = 0;             // steps done
};

struct StepReport {
  double loss = 0;
  NamedNumbers figures;         // the objective's own
  NamedNumbers gradient_norms;  // of every trained group, before clipping
};

class Trainer {
 public:
  // Fresh weights of the configuration, which must outlive the trainer. Throws InputError where
  // the ranks do not divide the gradient shards.
  Trainer(const PretrainConfig& config, const TrainerOptions& options);

  TrainerState& state() { return state_; }

  // Before the first step: the learner measures these pixels uint8 [n,T,H,W,3].
  void measure(const at::Tensor& pixels);

  // Which clips of a batch this process needs: all, or those of its rank's shards.
  ShardRange clips() const;

  // All ranks go on with the state of rank 0; it may have read a checkpoint, or measured. Settles
  // over what they exchange gradients.
  void share_state();
  // Throws Error naming the rank where weights differ between ranks.
  void require_same_weights();

  // One step on pixels uint8 [clips().count,T,H,W,3] of any device. At the steps that are logged,
  // kept as a checkpoint or last it reports, which waits for the device; other steps are only
  // queued.
  std::optional<StepReport> step(const at::Tensor& pixels);

 private:
  bool is_mixed() const { return config_.precision == Precision::bfloat16; }
  void renew_working_weights();
  std::vector<at::Tensor> full_precision(const std::vector<at::Tensor>& gradients);
  // `drawn` for the whole batch; `figures` of this shard, null where nobody asks.
  ShardResult forward(const at::Tensor& pixels, const std::vector<at::Tensor>& drawn, int shard,
                      StepFigures* figures) const;
  // Of all shards, added in their order.
  StepFigures added(const std::vector<StepFigures>& of_shards) const;
  void apply(const std::vector<at::Tensor>& gradients, std::int64_t number, StepReport* report);

  const PretrainConfig& config_;
  TrainerOptions options_;
  ShardRange shards_;  // of this process
  TrainerState state_;
  std::unique_ptr<Learner>
      working_;  // what a step computes with: in bfloat16 copies of the state's
  std::vector<at::Tensor> gradients_;  // float32; of mixed precision alone
};

}  // namespace permafrost
