// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/step_inputs.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/pretraining/objectives/feature_prediction.h"
#include "models/pretraining/objectives/noising/denoising.h"
#include "models/pretraining/objectives/noising/diffusion_mae.h"
#include "models/pretraining/objectives/pixel_prediction.h"
#include "models/pretraining/trainer.h"

namespace permafrost {
namespace {

Json to_json(const LearningRate& rate) {
  return {{"start", rate.start},
          {"peak", rate.peak},
          {"final", rate.final},
          {"warmup", rate.warmup},
          {"length", rate.length}};
}

template <typename Schedule>
Json ends_of(const Schedule& schedule) {
  return {{"start", schedule.start}, {"final", schedule.final}, {"length", schedule.length}};
}

// Of features; the other side reads no other objective's.
Momentum momentum_of(const PretrainConfig& config) {
  const auto* features = dynamic_cast<const FeaturePrediction*>(config.objective.get());
  if (features != nullptr) return features->own_keys().momentum;
  return {.length = static_cast<double>(config.learning_rate.length)};
}

Json description(const PretrainConfig& config, const StepInputs& inputs) {
  return {{"encoder", to_json(config.encoder)},
          {"objective", config.objective->name()},
          {"precision", name_of(config.precision)},
          {"clip_grad", config.clip_grad},
          {"batch", config.batch},
          {"learning_rate", to_json(config.learning_rate)},
          {"weight_decay", ends_of(config.weight_decay)},
          {"warmup", inputs.warmup},
          {"steps", inputs.steps}};
}

void describe(const MaskedKeys& keys, const PretrainConfig& config, Json& step) {
  const PredictorSpec& predictor = keys.predictor;
  step["predictor"] = {{"width", predictor.width},
                       {"depth", predictor.depth},
                       {"heads", predictor.heads},
                       {"outputs", predictor.outputs}};
  step["masks"] = keys.masking.masks.size();
  step["loss_exponent"] = keys.loss_exponent;
  step["momentum"] = ends_of(momentum_of(config));
  step["predictor_rate_scale"] = keys.predictor_rate_scale;
  const auto* features = dynamic_cast<const FeaturePrediction*>(config.objective.get());
  const auto* pixels = dynamic_cast<const PixelPrediction*>(config.objective.get());
  step["instance_targets"] =
      features != nullptr && features->own_keys().target.normalisation == TargetNorm::instance;
  step["components"] = pixels == nullptr ? 0 : pixels->components();
}

void describe(const Denoising& denoising, Json& step) {
  const DenoiserSpec& spec = denoising.spec();
  step["denoise"] = {{"parametrisation", name_among(kParametrisations, spec.parametrisation)},
                     {"frequencies", spec.frequencies},
                     {"outputs", spec.outputs},
                     {"ema", denoising.keys().ema}};
}

void require_last_block(const PretrainConfig& config, const std::string& where) {
  const auto* features = dynamic_cast<const FeaturePrediction*>(config.objective.get());
  if (features != nullptr && features->own_keys().target.blocks != 1)
    throw InputError(where, "target.blocks", "1, as pretrain_step.py has no mean over blocks",
                     std::to_string(features->own_keys().target.blocks));
}

void require_plain(const EncoderSpec& spec, const std::string& where) {
  const EncoderSpec usual;
  if (spec.positions != usual.positions || spec.feed_forward.kind != usual.feed_forward.kind ||
      spec.feed_forward.width != 0 || !spec.ffn_widths.empty() || spec.routing.experts > 0 ||
      spec.layer_scale || spec.extra_tokens() > 0 || !spec.final_norm || spec.per_frame)
    throw InputError(where, "encoder", "a plain V-JEPA encoder, which pretrain_step.py can build",
                     Json(to_json(spec)).dump());
}

// Weights as the reference's state dictionaries have them.
NamedTensors first_weights(Trainer& trainer, const EncoderSpec& spec) {
  NamedTensors all = tensors_of(*trainer.state().learner), tensors;
  for (auto& named : tables_of(*trainer.state().learner)) all.push_back(std::move(named));
  for (const auto& [name, tensor] : all)
    if (name.rfind("target_encoder.", 0) != 0 && name.rfind("ema.", 0) != 0)
      tensors.emplace_back(name, tensor.detach().to(at::kCPU).clone());
  for (auto& [name, tensor] : tensors)
    if (name == "encoder.patch_embed.proj.weight" || name == "denoiser.patch_embed.proj.weight")
      tensor = tensor.view({spec.width, 3, spec.tubelet, spec.patch, spec.patch});
  return tensors;
}

// Of every step: what its masks are, or its noise.
void add_masks(const MaskedPrediction& masked, std::int64_t steps, NamedTensors& tensors) {
  for (std::int64_t step = 1; step <= steps; ++step) {
    const auto masks = masked.masks_of(step);
    for (std::size_t m = 0; m < masks.size(); ++m) {
      const std::string prefix = "masks." + std::to_string(step) + "." + std::to_string(m);
      tensors.emplace_back(prefix + ".context", masks[m].context);
      tensors.emplace_back(prefix + ".target", masks[m].target);
    }
  }
}

void add_noise(const Denoising& denoising, std::int64_t steps, NamedTensors& tensors) {
  for (std::int64_t step = 1; step <= steps; ++step) {
    const auto drawn = denoising.draw(step);
    tensors.emplace_back("levels." + std::to_string(step), drawn[0]);
    tensors.emplace_back("noise." + std::to_string(step), drawn[1]);
  }
}

}  // namespace

void write_step_inputs(const std::string& path, PretrainConfig config, const at::Tensor& clips,
                       const StepInputs& inputs) {
  require_plain(config.encoder, inputs.where);
  require_last_block(config, inputs.where);
  const MaskedPrediction* masked = masked_prediction_of(*config.objective);
  const auto* denoising = dynamic_cast<const Denoising*>(config.objective.get());
  const bool noised_masks = dynamic_cast<const DiffusionMae*>(config.objective.get()) != nullptr;
  if ((masked == nullptr && denoising == nullptr) || noised_masks)
    throw InputError(inputs.where, "objective",
                     "vjepa, pixel_mae or denoise, which pretrain_step.py can build",
                     quoted(config.objective->name()));
  config.log_every = 1;  // every step tells its loss
  Trainer trainer(config, {.threads = inputs.threads, .device = inputs.device});
  if (config.objective->clips_to_measure() > 0) trainer.measure(clips);
  NamedTensors tensors = first_weights(trainer, config.encoder);
  tensors.emplace_back("clips", clips);
  Json step = description(config, inputs);
  const std::int64_t steps = inputs.warmup + inputs.steps;
  if (masked != nullptr) {
    describe(masked->keys(), config, step);
    add_masks(*masked, steps, tensors);
  } else {
    describe(*denoising, step);
    add_noise(*denoising, steps, tensors);
  }
  const at::Tensor pixels = clips.to(inputs.device);
  for (std::int64_t k = 0; k < std::min(inputs.losses, steps); ++k)
    step["losses"].push_back(trainer.step(pixels).value().loss);
  write_safetensors(path, tensors, {{"step", step.dump()}});
}

}  // namespace permafrost
