// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/pixel_prediction.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include <algorithm>

#include "models/pretraining/objectives/feature_health.h"

namespace permafrost {
namespace {

// Its target encoder stays what it was at the start: it is there because checkpoints have held one
// whatever the objective, and those of older runs are to go on.
class PixelLearner : public MaskedLearner {
 public:
  explicit PixelLearner(const PixelPrediction& objective)
      : MaskedLearner(objective), objective_(&objective) {
    if (objective.components() > 0)
      space_ = unmeasured_space(SpaceKind::pca, objective.components(), spec().patch_values());
  }
  std::unique_ptr<Learner> copy() const override { return std::make_unique<PixelLearner>(*this); }
  ExportedEncoder exported() const override { return {"encoder", spec(), encoder_}; }

  std::vector<WeightGroup> groups() override {
    std::vector<WeightGroup> groups = MaskedLearner::groups();
    if (objective_->components() > 0) groups.push_back(group_of("space", space_, Role::measured));
    return groups;
  }

  void measure(const at::Tensor& patches) override {
    MaskedLearner::measure(patches);
    if (objective_->components() == 0) return;
    const at::NoGradGuard no_grad;
    const PatchSpace measured =
        space_of_first_patches(SpaceKind::pca, objective_->components(), normalised_pixels(patches),
                               objective_->run().where);
    copy_values(space_, measured);
  }

 private:
  at::Tensor targets_of(const Shard& shard, StepFigures* figures) const override {
    RECORD_USER_SCOPE("teacher");
    const at::NoGradGuard no_grad;
    if (figures != nullptr && shard.number == 0)
      add_health(*figures, encode(encoder_, spec(), shard.seen));
    const at::Tensor pixels = normalised_pixels(shard.patches);
    return objective_->components() > 0 ? to_coordinates(space_, pixels) : pixels;
  }

  const PixelPrediction* objective_;
  PatchSpace space_;
};

int read_components(JsonObject& parent, const RunSetting& run) {
  const Json* json = parent.child("target");
  if (json == nullptr) return 0;
  JsonObject object(*json, parent.where("target"));
  const auto components = object.integer("components", 0, 1, run.encoder.patch_values());
  object.finish();
  return static_cast<int>(components);
}

std::shared_ptr<const Objective> read_pixel_prediction(JsonObject& keys, const RunSetting& run) {
  const int components = read_components(keys, run);
  const int outputs = components > 0 ? components : run.encoder.patch_values();
  return std::make_shared<PixelPrediction>(run, read_masked_keys(keys, run, outputs, 2.0),
                                           components);
}

}  // namespace

ObjectiveKind pixel_prediction() {
  ObjectiveKind kind{.name = "pixel_mae",
                     .keys = masked_key_names(),
                     .experts = true,
                     .read = read_pixel_prediction};
  kind.keys.emplace_back("target");
  return kind;
}

at::Tensor normalised_pixels(const at::Tensor& patches) {
  const auto b = patches.size(0), n = patches.size(1), values = patches.size(2);
  const at::Tensor channels = patches.view({b, n, 3, values / 3});
  // Not var(): its running sums take a ninth of a whole step on a CPU.
  const at::Tensor centred = channels - channels.mean(-1, true);
  const at::Tensor deviation =
      (centred.square().sum(-1, true) / static_cast<double>(values / 3 - 1)).sqrt();
  return (centred / (deviation + 1e-6)).view({b, n, values});
}

std::int64_t PixelPrediction::clips_to_measure() const {
  const std::int64_t watched = MaskedPrediction::clips_to_measure();
  return components_ > 0 ? std::max(watched, clips_to_measure_space(run().encoder.tokens()))
                         : watched;
}

std::unique_ptr<Learner> PixelPrediction::start() const {
  return std::make_unique<PixelLearner>(*this);
}

StepFlops PixelPrediction::flops(const std::vector<at::Tensor>& drawn) const {
  return masked_flops(run().encoder, keys().predictor, drawn_masks(drawn), false);
}

}  // namespace permafrost
