// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/masked_prediction.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "common/error.h"
#include "models/network/layers/attention_plans.h"

namespace permafrost {

at::Tensor regression_loss(const at::Tensor& prediction, const at::Tensor& target,
                           double exponent) {
  const at::Tensor error = prediction - target;
  if (exponent == 1.0) return error.abs().mean();
  if (exponent == 2.0) return error.square().mean() / 2;
  return error.abs().pow(exponent).mean() / exponent;
}

at::Tensor prediction_loss(const MaskedNetworks& networks, const at::Tensor& patches,
                           const at::Tensor& targets, const std::vector<Mask>& masks,
                           double exponent, BlockTrace* trace) {
  at::Tensor total;
  for (std::size_t m = 0; m < masks.size(); ++m) {
    const Mask& mask = masks[m];
    at::Tensor z, predicted;
    {
      RECORD_USER_SCOPE("context");
      z = encode(networks.encoder, networks.spec, patches, mask.context, Tokens::patch, trace);
    }
    {
      RECORD_USER_SCOPE("predictor");
      predicted = predict(networks.predictor, networks.predictor_spec, networks.spec.norm_eps, z,
                          mask.context, mask.target, static_cast<int>(m));
    }
    RECORD_USER_SCOPE("loss");
    const at::Tensor loss =
        regression_loss(predicted, gather_tokens(targets, mask.target), exponent);
    total = total.defined() ? total + loss : loss;
  }
  return total / static_cast<double>(masks.size());
}

namespace {

void read_predictor(JsonObject& parent, MaskedKeys& keys) {
  PredictorSpec& spec = keys.predictor;
  const Json* json = parent.child("predictor");
  if (json == nullptr) return;
  JsonObject object(*json, parent.where("predictor"));
  spec.width = static_cast<int>(object.integer("width", spec.width, 2, 8192));
  spec.depth = static_cast<int>(object.integer("depth", spec.depth, 1, 64));
  spec.heads = static_cast<int>(object.integer("heads", spec.heads, 1, 64));
  keys.predictor_rate_scale =
      object.number("learning_rate_scale", keys.predictor_rate_scale, 1e-3, 1e3);
  object.finish();
  if (spec.width % spec.heads != 0)
    throw InputError(parent.where("predictor"), "width",
                     "a multiple of heads (" + std::to_string(spec.heads) + ")",
                     std::to_string(spec.width));
}

}  // namespace

std::vector<std::string> masked_key_names() { return {"masking", "predictor", "loss_exponent"}; }

MaskedKeys read_masked_keys(JsonObject& object, const RunSetting& run, int outputs,
                            double exponent) {
  MaskedKeys keys;
  const Json* masking = object.child("masking");
  keys.masking = masking == nullptr || masking->is_string()
                     ? mask_strategy(object.text("masking", "multiblock"), run.where)
                     : read_mask_strategy(*masking, object.where("masking"));
  keys.loss_exponent = object.number("loss_exponent", exponent, 1, 2);
  keys.predictor.outputs = outputs;
  read_predictor(object, keys);
  return keys;
}

StepFlops masked_flops(const EncoderSpec& encoder, const PredictorSpec& predictor,
                       const std::vector<Mask>& masks, bool teacher) {
  constexpr double kForwardAndBackward = 3, kForwardAndHalfBackward = 2;
  double all = 0, context = 0, predicted = 0;
  for (const auto& mask : masks) {
    const auto samples = static_cast<double>(mask.context.size(0));
    const auto seen = static_cast<double>(mask.context.size(1));
    const auto asked = static_cast<double>(mask.target.size(1));
    context += samples * (kForwardAndHalfBackward * embedding_flops(encoder, seen) +
                          kForwardAndBackward * blocks_flops(encoder, seen));
    predicted += samples * kForwardAndBackward *
                 (linear_flops(seen, encoder.width, predictor.width) +
                  predictor.depth * block_flops(seen + asked, predictor.width) +
                  linear_flops(asked, predictor.width, predictor.outputs));
  }
  if (teacher && !masks.empty())
    all = static_cast<double>(masks[0].context.size(0)) *
          (embedding_flops(encoder, encoder.tokens()) + blocks_flops(encoder, encoder.tokens()));
  return {{"teacher", all}, {"context", context}, {"predictor", predicted}};
}

std::vector<Mask> MaskedPrediction::masks_of(std::int64_t step) const {
  const EncoderSpec& spec = run_.encoder;
  return draw_masks(keys_.masking, {spec.grid_t(), spec.grid_h(), spec.grid_w()}, run_.batch,
                    run_.seed, static_cast<std::uint64_t>(step));
}

std::vector<at::Tensor> MaskedPrediction::draw(std::int64_t step) const {
  std::vector<at::Tensor> drawn;
  for (const auto& mask : masks_of(step)) {
    drawn.push_back(mask.context);
    drawn.push_back(mask.target);
  }
  return drawn;
}

std::vector<Mask> drawn_masks(const std::vector<at::Tensor>& drawn) {
  std::vector<Mask> masks;
  for (std::size_t i = 0; i + 1 < drawn.size(); i += 2) masks.push_back({drawn[i], drawn[i + 1]});
  return masks;
}

const MaskedPrediction* masked_prediction_of(const Objective& objective) {
  return dynamic_cast<const MaskedPrediction*>(&objective);
}

MaskedLearner::MaskedLearner(const MaskedPrediction& objective) : objective_(&objective) {
  const RunSetting& run = objective.run();
  const MaskedKeys& keys = objective.keys();
  encoder_ = make_vit(run.encoder, run.init, run.seed);
  target_ = clone_of(encoder_);
  predictor_ = make_predictor(keys.predictor, run.encoder,
                              static_cast<int>(keys.masking.masks.size()), run.init, run.seed);
  watched_ = unwatched_clips(run.encoder);
}

std::vector<WeightGroup> MaskedLearner::groups() {
  std::vector<WeightGroup> groups{group_of("encoder", encoder_),
                                  group_of("target_encoder", target_, Role::follows),
                                  group_of("predictor", predictor_)};
  groups.back().learning_rate_scale = objective_->keys().predictor_rate_scale;
  if (watched_.patches.defined()) groups.push_back(group_of("watched", watched_, Role::measured));
  return groups;
}

// Of the encoder that is exported.
void MaskedLearner::note_state(StepFigures& figures) {
  if (!watched_.patches.defined()) return;
  const ExportedEncoder encoder = exported();
  note_experts(watched_, encoder.spec, figures, [&](const at::Tensor& patches, BlockTrace& trace) {
    encode(encoder.weights, encoder.spec, patches, {}, Tokens::patch, &trace);
  });
}

at::Tensor MaskedLearner::loss(const Shard& shard, StepFigures* figures) const {
  const at::Tensor targets = targets_of(shard, figures);
  // The teacher sees all tokens of every clip, always as many.
  std::optional<ChangingShapes> masked;
  if (shard.changing_shapes) masked.emplace();
  const MaskedKeys& keys = objective_->keys();
  // A mean over the masks, as the loss is.
  const double masks = static_cast<double>(keys.masking.masks.size());
  const RouterLosses& router = objective_->run().router;
  BlockTrace trace{.router = {.balance = router.balance / masks, .z = router.z / masks}};
  const at::Tensor loss =
      prediction_loss({encoder_, spec(), predictor_, keys.predictor}, shard.seen, targets,
                      drawn_masks(shard.drawn), keys.loss_exponent, &trace);
  return with_extras(loss, trace, figures);
}

}  // namespace permafrost
