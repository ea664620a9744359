// SPDX-License-Identifier: Apache-2.0
#pragma once

// "denoise": all tokens of a clip are noised, and a diffusion transformer says what the noise was
// (docs/denoising.md). Its slow copy is exported: whole as denoiser.safetensors, and at one noise
// level as encoder.safetensors.
#include "models/pretraining/objectives/noising/noised_clips.h"

namespace permafrost {

ObjectiveKind denoising();

// The noise level of encoder.safetensors. Other levels are made from denoiser.safetensors.
inline constexpr double kExportedTau = 0.1;

class Denoising : public Objective {
 public:
  Denoising(RunSetting run, const DenoiseKeys& keys);
  std::string name() const override { return "denoise"; }
  std::unique_ptr<Learner> start() const override;
  // Enough for some 20,000 patches, and no fewer than 32 (nor than are watched).
  std::int64_t clips_to_measure() const override;
  // Levels [batch,4] and noise [batch,N,d] (draw_noise()).
  std::vector<at::Tensor> draw(std::int64_t step) const override;
  // Parts "denoiser", and "space" of principal components.
  StepFlops flops(const std::vector<at::Tensor>& drawn) const override;

  const RunSetting& run() const { return run_; }
  const DenoiseKeys& keys() const { return keys_; }
  const DenoiserSpec& spec() const { return spec_; }

 private:
  RunSetting run_;
  DenoiseKeys keys_;
  DenoiserSpec spec_;
};

}  // namespace permafrost
