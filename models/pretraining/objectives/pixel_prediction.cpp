// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/pixel_prediction.h"

#include <ATen/record_function.h>
#include <torch/types.h>

#include "models/pretraining/objectives/feature_health.h"

namespace permafrost {
namespace {

// Its target encoder stays what it was at the start: it is there because checkpoints have held one
// whatever the objective, and those of older runs are to go on.
class PixelLearner : public MaskedLearner {
 public:
  using MaskedLearner::MaskedLearner;
  std::unique_ptr<Learner> copy() const override { return std::make_unique<PixelLearner>(*this); }
  ExportedEncoder exported() const override { return {"encoder", spec(), encoder_}; }

 private:
  at::Tensor targets_of(const Shard& shard, StepFigures* figures) const override {
    RECORD_USER_SCOPE("teacher");
    const at::NoGradGuard no_grad;
    if (figures != nullptr && shard.number == 0)
      add_health(*figures, encode(encoder_, spec(), shard.seen));
    return normalised_pixels(shard.patches);
  }
};

std::shared_ptr<const Objective> read(JsonObject& keys, const RunSetting& run) {
  return std::make_shared<PixelPrediction>(
      run, read_masked_keys(keys, run, run.encoder.patch_values(), 2.0));
}

}  // namespace

ObjectiveKind pixel_prediction() {
  return {.name = "pixel_mae", .keys = masked_key_names(), .read = read};
}

at::Tensor normalised_pixels(const at::Tensor& patches) {
  const auto b = patches.size(0), n = patches.size(1), values = patches.size(2);
  const at::Tensor channels = patches.view({b, n, 3, values / 3});
  const at::Tensor mean = channels.mean(-1, true);
  const at::Tensor deviation = channels.var(-1, true, true).sqrt();
  return ((channels - mean) / (deviation + 1e-6)).view({b, n, values});
}

std::unique_ptr<Learner> PixelPrediction::start() const {
  return std::make_unique<PixelLearner>(*this);
}

StepFlops PixelPrediction::flops(const std::vector<at::Tensor>& drawn) const {
  return masked_flops(run().encoder, keys().predictor, drawn_masks(drawn), false);
}

}  // namespace permafrost
