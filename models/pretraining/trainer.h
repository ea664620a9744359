// SPDX-License-Identifier: Apache-2.0
#pragma once

// One optimiser step of masked prediction after the other, on one device.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "models/network/predictor.h"
#include "models/network/vit.h"
#include "models/pretraining/feature_health.h"
#include "models/pretraining/masking/masking.h"
#include "models/pretraining/pretrain_config.h"
#include "models/training/adamw.h"
#include "models/training/gradient_shards.h"

namespace permafrost {

struct TrainerOptions {
  int threads = 1;  // of a CPU, over gradient shards; a device is fed by the caller's thread alone
  at::Device device = at::kCPU;
  bool changing_shapes = true;  // of what sees masks: see ChangingShapes; false to time without
};

// What a run consists of between two steps.
struct TrainerState {
  VitWeights encoder, target;  // target: the EMA copy, not used for pixels
  PredictorWeights predictor;
  AdamW optimiser;
  std::int64_t step = 0;  // steps done
};

// The weights of encoder, target and predictor, prefixed "encoder.", "target_encoder.",
// "predictor."; they share the state's storage.
NamedTensors tensors_of(TrainerState& state);

struct StepReport {
  double loss = 0, encoder_norm = 0, predictor_norm = 0;  // norms of the gradients, before clipping
  FeatureHealth features;  // of the target encoder, or of the encoder
};

// The weights that a step computes with: the state's own in float32, copies of them in bfloat16.
struct WorkingWeights {
  VitWeights encoder, target;
  PredictorWeights predictor;
};

class Trainer {
 public:
  // Fresh weights of the configuration, which must outlive the trainer.
  Trainer(const PretrainConfig& config, const TrainerOptions& options);

  TrainerState& state() { return state_; }

  // One step on pixels uint8 [batch,T,H,W,3] of any device. At the steps that are logged, kept as a
  // checkpoint or last it reports, which waits for the device; other steps are only queued.
  std::optional<StepReport> step(const at::Tensor& pixels);

 private:
  bool is_mixed() const { return config_.precision == Precision::bfloat16; }
  void renew_working_weights();
  std::vector<at::Tensor> full_precision(const std::vector<at::Tensor>& gradients);
  ShardResult forward(const at::Tensor& pixels, const std::vector<Mask>& masks, int shard,
                      StepReport* report) const;
  // Of every token, from float32 patches; `seen` are the same in what the networks compute in.
  at::Tensor targets_of(const at::Tensor& patches, const at::Tensor& seen,
                        StepReport* report) const;
  void apply(const std::vector<at::Tensor>& gradients, std::int64_t number, StepReport* report);

  const PretrainConfig& config_;
  TrainerOptions options_;
  TrainerState state_;
  WorkingWeights working_;
  std::vector<at::Tensor> gradients_;  // float32; of mixed precision alone
};

}  // namespace permafrost
