// SPDX-License-Identifier: Apache-2.0
#pragma once

// "pixel_mae": the pixels of masked tokens are predicted, normalised within the token. The encoder
// itself is what a run exports.
#include "models/pretraining/objectives/masked_prediction.h"

namespace permafrost {

ObjectiveKind pixel_prediction();

// Pixels as targets: every (token, channel) of patches [B,N,3*v] to zero mean and unit deviation,
// (x-m)/(sqrt(unbiased variance)+1e-6) (VideoMAE, Tong et al. 2022).
at::Tensor normalised_pixels(const at::Tensor& patches);

class PixelPrediction : public MaskedPrediction {
 public:
  PixelPrediction(RunSetting run, MaskedKeys keys, int components)
      : MaskedPrediction(std::move(run), std::move(keys)), components_(components) {}
  // "target": {"components": C}. Predicted are the C leading principal components of normalised
  // pixels, measured on the run's first clips, to unit variance on average. 0: all pixels.
  int components() const { return components_; }
  std::int64_t clips_to_measure() const override;
  std::string name() const override { return "pixel_mae"; }
  std::unique_ptr<Learner> start() const override;
  StepFlops flops(const std::vector<at::Tensor>& drawn) const override;

 private:
  int components_;
};

}  // namespace permafrost
