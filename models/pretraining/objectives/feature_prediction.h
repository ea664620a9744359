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

class FeaturePrediction : public MaskedPrediction {
 public:
  FeaturePrediction(RunSetting run, MaskedKeys keys, const Momentum& momentum)
      : MaskedPrediction(std::move(run), std::move(keys)), momentum_(momentum) {}
  const Momentum& momentum() const { return momentum_; }

  std::string name() const override { return "vjepa"; }
  std::unique_ptr<Learner> start() const override;
  StepFlops flops(const std::vector<at::Tensor>& drawn) const override;

 private:
  Momentum momentum_;
};

}  // namespace permafrost
