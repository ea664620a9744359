// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/feature_prediction.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include <nlohmann/json.hpp>
#include <numeric>

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
      : MaskedLearner(objective), keys_(objective.own_keys()) {}
  std::unique_ptr<Learner> copy() const override { return std::make_unique<FeatureLearner>(*this); }

  void after_step(std::int64_t update) override {
    follow(named_tensors(target_), named_tensors(encoder_), keys_.momentum.at(update));
  }
  ExportedEncoder exported() const override { return {"target_encoder", spec(), target_}; }

 private:
  at::Tensor targets_of(const Shard& shard, StepFigures* figures) const override {
    RECORD_USER_SCOPE("teacher");
    const at::NoGradGuard no_grad;
    const std::vector<at::Tensor> blocks = last_blocks(shard.seen);
    if (figures != nullptr && shard.number == 0) {
      figures->add("momentum", keys_.momentum.at(shard.step - 1));
      add_health(*figures, blocks.back());
    }
    return mean_target(blocks, keys_.target.normalisation);
  }

  // float32, of the blocks that make the target, the last at the end.
  std::vector<at::Tensor> last_blocks(const at::Tensor& patches) const {
    if (keys_.target.blocks == 1) return {encode(target_, spec(), patches).to(at::kFloat)};
    std::vector<int> layers(static_cast<std::size_t>(keys_.target.blocks));
    std::iota(layers.begin(), layers.end(), spec().depth - keys_.target.blocks);
    std::vector<at::Tensor> features = encode_layers(target_, spec(), patches, layers);
    for (auto& x : features) x = x.to(at::kFloat);
    return features;
  }

  FeatureKeys keys_;
};

std::shared_ptr<const Objective> read_feature_prediction(JsonObject& keys, const RunSetting& run) {
  MaskedKeys masked = read_masked_keys(keys, run, run.encoder.width, 1.0);
  return std::make_shared<FeaturePrediction>(
      run, std::move(masked),
      FeatureKeys{.momentum = read_momentum(keys, run),
                  .target = read_target(keys, run.encoder.depth)});
}

}  // namespace

ObjectiveKind feature_prediction() {
  ObjectiveKind kind{.name = "vjepa",
                     .keys = masked_key_names(),
                     .experts = true,
                     .read = read_feature_prediction};
  kind.keys.emplace_back("momentum");
  kind.keys.emplace_back("target");
  return kind;
}

std::unique_ptr<Learner> FeaturePrediction::start() const {
  return std::make_unique<FeatureLearner>(*this);
}

StepFlops FeaturePrediction::flops(const std::vector<at::Tensor>& drawn) const {
  return masked_flops(run().encoder, keys().predictor, drawn_masks(drawn), true);
}

}  // namespace permafrost
