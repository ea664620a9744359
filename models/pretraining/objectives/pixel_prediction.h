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
  using MaskedPrediction::MaskedPrediction;
  std::string name() const override { return "pixel_mae"; }
  std::unique_ptr<Learner> start() const override;
  StepFlops flops(const std::vector<at::Tensor>& drawn) const override;
};

}  // namespace permafrost
