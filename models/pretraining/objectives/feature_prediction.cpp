// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/feature_prediction.h"

#include <ATen/record_function.h>
#include <torch/types.h>

#include <nlohmann/json.hpp>

#include "models/pretraining/objectives/feature_health.h"
#include "models/training/moving_average.h"

namespace permafrost {
namespace {

Momentum read_momentum(JsonObject& parent, const RunSetting& run) {
  Momentum momentum;
  // The reference keeps the fraction here (schedule.h). The encoders of models/zoo were pretrained
  // with whole steps, and their configurations are to make the same weights again.
  momentum.length = static_cast<double>(run.schedule_length);
  const Json* json = parent.child("momentum");
  if (json == nullptr) return momentum;
  JsonObject object(*json, parent.where("momentum"));
  momentum.start = object.number("start", momentum.start, 0, 1);
  momentum.final = object.number("final", momentum.final, 0, 1);
  object.finish();
  return momentum;
}

class FeatureLearner : public MaskedLearner {
 public:
  explicit FeatureLearner(const FeaturePrediction& objective)
      : MaskedLearner(objective), momentum_(objective.momentum()) {}
  std::unique_ptr<Learner> copy() const override { return std::make_unique<FeatureLearner>(*this); }

  void after_step(std::int64_t update) override {
    follow(named_tensors(target_), named_tensors(encoder_), momentum_.at(update));
  }
  ExportedEncoder exported() const override { return {"target_encoder", spec(), target_}; }

 private:
  at::Tensor targets_of(const Shard& shard, StepFigures* figures) const override {
    RECORD_USER_SCOPE("teacher");
    const at::NoGradGuard no_grad;
    const at::Tensor features = encode(target_, spec(), shard.seen).to(at::kFloat);
    if (figures != nullptr && shard.number == 0) {
      figures->add("momentum", momentum_.at(shard.step - 1));
      add_health(*figures, features);
    }
    return normalised_features(features);
  }

  Momentum momentum_;
};

std::shared_ptr<const Objective> read(JsonObject& keys, const RunSetting& run) {
  MaskedKeys masked = read_masked_keys(keys, run, run.encoder.width, 1.0);
  return std::make_shared<FeaturePrediction>(run, std::move(masked), read_momentum(keys, run));
}

}  // namespace

ObjectiveKind feature_prediction() {
  ObjectiveKind kind{.name = "vjepa", .keys = masked_key_names(), .read = read};
  kind.keys.emplace_back("momentum");
  return kind;
}

at::Tensor normalised_features(const at::Tensor& features) {
  return at::layer_norm(features, {features.size(-1)}, {}, {}, 1e-5);
}

std::unique_ptr<Learner> FeaturePrediction::start() const {
  return std::make_unique<FeatureLearner>(*this);
}

StepFlops FeaturePrediction::flops(const std::vector<at::Tensor>& drawn) const {
  return masked_flops(run().encoder, keys().predictor, drawn_masks(drawn), true);
}

}  // namespace permafrost
