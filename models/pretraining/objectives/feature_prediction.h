// SPDX-License-Identifier: Apache-2.0
#pragma once

// "vjepa": features of a slow copy of the encoder are predicted (V-JEPA, Bardes et al. 2024). The
// copy follows by an exponential moving average and is what a run exports.
#include "models/pretraining/objectives/feature_target.h"
#include "models/pretraining/objectives/masked_prediction.h"
#include "models/training/schedule.h"

namespace permafrost {

ObjectiveKind feature_prediction();

struct FeatureKeys {
  Momentum momentum;  // "momentum"
  TargetSpec target;  // "target"
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
