// SPDX-License-Identifier: Apache-2.0
#pragma once

// What objectives share in which an encoder sees a part of a clip and a predictor says what stands
// in the rest: masks, networks and the loss. What stands there is the objective's own.
#include <vector>

#include "models/network/predictor.h"
#include "models/pretraining/masking/masking.h"
#include "models/pretraining/objectives/expert_watch.h"
#include "models/pretraining/objectives/objective.h"

namespace permafrost {

// mean |prediction - target|^e / e.
at::Tensor regression_loss(const at::Tensor& prediction, const at::Tensor& target, double exponent);

struct MaskedNetworks {
  const VitWeights& encoder;
  const EncoderSpec& spec;
  const PredictorWeights& predictor;
  const PredictorSpec& predictor_spec;
};

// The loss of one (part of a) batch: the mean over the masks, each mask averaged over its own
// samples, tokens and values. `targets` [B,N,outputs] are given for every token; `trace` is told
// what the encoder's blocks have to tell. Its parts are scopes "context", "predictor" and "loss"
// for whoever records them (Kineto, pretrain_bench).
at::Tensor prediction_loss(const MaskedNetworks& networks, const at::Tensor& patches,
                           const at::Tensor& targets, const std::vector<Mask>& masks,
                           double exponent, BlockTrace* trace = nullptr);

// The keys that these objectives have in common.
struct MaskedKeys {
  MaskStrategy masking;             // "masking"
  PredictorSpec predictor;          // "predictor"
  double predictor_rate_scale = 1;  // "predictor": {"learning_rate_scale"}
  double loss_exponent = 1;         // "loss_exponent"; 1: mean |error|, 2: mean error^2 / 2
};

std::vector<std::string> masked_key_names();
// `outputs` values a token are predicted; `exponent` where none is given.
MaskedKeys read_masked_keys(JsonObject& object, const RunSetting& run, int outputs,
                            double exponent);

// Parts "teacher" (forward alone, every token; 0 without one), "context" (the encoder on the
// context tokens of every mask) and "predictor" (on context and target tokens of every mask), over
// the samples that the masks' rows are for.
StepFlops masked_flops(const EncoderSpec& encoder, const PredictorSpec& predictor,
                       const std::vector<Mask>& masks, bool teacher);

class MaskedPrediction : public Objective {
 public:
  MaskedPrediction(RunSetting run, MaskedKeys keys)
      : run_(std::move(run)), keys_(std::move(keys)) {}
  const RunSetting& run() const { return run_; }
  const MaskedKeys& keys() const { return keys_; }

  std::vector<Mask> masks_of(std::int64_t step) const;
  // Context and target of one mask after the other.
  std::vector<at::Tensor> draw(std::int64_t step) const override;
  std::int64_t clips_to_measure() const override { return clips_to_watch(run_.encoder); }
  int width_of(const std::string& part) const override {
    return part == "predictor" ? keys_.predictor.width : 0;
  }

 private:
  RunSetting run_;
  MaskedKeys keys_;
};

// The masks in what draw() gave, of a batch or a shard.
std::vector<Mask> drawn_masks(const std::vector<at::Tensor>& drawn);

// Of a configuration's objective; null where it is none of these.
const MaskedPrediction* masked_prediction_of(const Objective& objective);

class MaskedLearner : public Learner {
 public:
  explicit MaskedLearner(const MaskedPrediction& objective);
  // "encoder", "target_encoder" (begins as the same) and "predictor"; with experts also "watched".
  std::vector<WeightGroup> groups() override;
  void measure(const at::Tensor& patches) override { watch_clips(watched_, patches); }
  void note_state(StepFigures& figures) override;
  at::Tensor loss(const Shard& shard, StepFigures* figures) const override;

 protected:
  // float32 [b,N,outputs], for every token and without gradients.
  virtual at::Tensor targets_of(const Shard& shard, StepFigures* figures) const = 0;
  const EncoderSpec& spec() const { return objective_->run().encoder; }

  VitWeights encoder_, target_;

 private:
  const MaskedPrediction* objective_;
  PredictorWeights predictor_;
  WatchedClips watched_;
};

}  // namespace permafrost
