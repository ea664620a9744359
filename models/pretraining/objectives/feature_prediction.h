// SPDX-License-Identifier: Apache-2.0
#pragma once

// "vjepa": features of a slow copy of the encoder are predicted (V-JEPA, Bardes et al. 2024). The
// copy follows by an exponential moving average and is what a run exports.
#include "models/pretraining/objectives/masked_prediction.h"
#include "models/training/schedule.h"

namespace permafrost {

ObjectiveKind feature_prediction();

// Features as targets: layer norm over D without affine, eps 1e-5 (V-JEPA, released code).
at::Tensor normalised_features(const at::Tensor& features);

// Of float32 [B,N,D] of some blocks: normalised_features() of each, their mean, and that normalised
// again; of one block, its own alone.
at::Tensor mean_target(const std::vector<at::Tensor>& blocks);

struct FeatureKeys {
  Momentum momentum;  // "momentum"
  // "target": {"blocks": K}. The target is the mean over the last K blocks of their normed outputs,
  // each normalised, and the mean once more (data2vec, Baevski et al. 2022). 1: the last block.
  int target_blocks = 1;
};

class FeaturePrediction : public MaskedPrediction {
 public:
  FeaturePrediction(RunSetting run, MaskedKeys keys, const FeatureKeys& own)
      : MaskedPrediction(std::move(run), std::move(keys)), own_(own) {}
  const FeatureKeys& own_keys() const { return own_; }

  std::string name() const override { return "vjepa"; }
  std::unique_ptr<Learner> start() const override;
  StepFlops flops(const std::vector<at::Tensor>& drawn) const override;

 private:
  FeatureKeys own_;
};

}  // namespace permafrost
