// SPDX-License-Identifier: Apache-2.0
#pragma once

// "diff_mae": the encoder sees the visible tokens of a clip; a predictor is given the masked ones
// noised, in the place of mask tokens, and says what stood there (DiffMAE, Wei et al. 2023, arXiv
// 2304.03283; docs/denoising.md). At tau 1 it is a masked autoencoder with noise for mask tokens.
// A slow copy of the encoder is exported, which has seen clean tokens alone.
#include "models/pretraining/objectives/masked_prediction.h"
#include "models/pretraining/objectives/noising/noised_clips.h"

namespace permafrost {

ObjectiveKind diffusion_mae();

// "predict" under "denoise": what the predictor says of a masked token.
enum class Prediction {
  clean,  // its clean coordinates
  noise   // what "denoise" says: the velocity of flow, the noise of eps
};

class DiffusionMae : public MaskedPrediction {
 public:
  // Of `keys` the exponent of the loss is not looked at: errors are squared.
  DiffusionMae(RunSetting run, MaskedKeys keys, const DenoiseKeys& noise, Prediction predict);
  std::string name() const override { return "diff_mae"; }
  std::unique_ptr<Learner> start() const override;
  std::int64_t clips_to_measure() const override;
  // Context and target of one mask after the other, then levels [batch,4] and noise [batch,N,d].
  std::vector<at::Tensor> draw(std::int64_t step) const override;
  // Parts "teacher" (0), "context", "predictor", and "space" of principal components.
  StepFlops flops(const std::vector<at::Tensor>& drawn) const override;

  const DenoiseKeys& noise_keys() const { return noise_; }
  Prediction predict() const { return predict_; }
  // The path of the noise; its network is the run's encoder, which is no denoiser.
  const DenoiserSpec& path() const { return path_; }

 private:
  DenoiseKeys noise_;
  Prediction predict_;
  DenoiserSpec path_;
};

}  // namespace permafrost
