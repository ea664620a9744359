// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/trainer.h"

#include <ATen/record_function.h>
#include <torch/types.h>

#include "models/network/attention_plans.h"
#include "models/network/device_copy.h"
#include "models/pretraining/objectives/objective.h"

namespace permafrost {
namespace {

NamedTensors prefixed(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors out;
  for (const auto& [name, tensor] : tensors) out.emplace_back(prefix + name, tensor);
  return out;
}

std::vector<at::Tensor> values_of(const NamedTensors& tensors) {
  std::vector<at::Tensor> values;
  for (const auto& [name, tensor] : tensors) values.push_back(tensor);
  return values;
}

TrainerState fresh_state(const PretrainConfig& config, const at::Device& device) {
  TrainerState state;
  state.encoder = to_device(make_vit(config.encoder, config.init, config.seed), device);
  state.target = clone_of(state.encoder);
  state.predictor = to_device(
      make_predictor(config.predictor, config.encoder,
                     static_cast<int>(config.masking.masks.size()), config.init, config.seed),
      device);
  state.optimiser.add(prefixed(named_tensors(state.encoder), "encoder."));
  state.optimiser.add(prefixed(named_tensors(state.predictor), "predictor."));
  return state;
}

void update_target(TrainerState& state, double momentum) {
  RECORD_USER_SCOPE("ema");
  const at::NoGradGuard no_grad;
  const auto slow = values_of(named_tensors(state.target)),
             fast = values_of(named_tensors(state.encoder));
  at::_foreach_mul_(slow, momentum);
  at::_foreach_add_(slow, fast, 1.0 - momentum);
}

// Shapes of `weights` in bfloat16; the tables of positions with their values, the rest still empty.
template <typename Weights>
Weights half_of(const Weights& weights) {
  Weights half = weights;
  visit(half, [](const std::string&, at::Tensor& t) { t = at::empty_like(t, at::kBFloat16); });
  if (weights.pos_embed.defined()) half.pos_embed = weights.pos_embed.to(at::kBFloat16);
  return half;
}

template <typename Weights>
void copy_values(Weights& to, Weights& from) {
  at::_foreach_copy_(values_of(named_tensors(to)), values_of(named_tensors(from)));
}

}  // namespace

NamedTensors tensors_of(TrainerState& state) {
  NamedTensors all;
  for (const auto& part : {prefixed(named_tensors(state.encoder), "encoder."),
                           prefixed(named_tensors(state.target), "target_encoder."),
                           prefixed(named_tensors(state.predictor), "predictor.")})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

Trainer::Trainer(const PretrainConfig& config, const TrainerOptions& options)
    : config_(config), options_(options), state_(fresh_state(config, options.device)) {
  if (!options_.device.is_cpu()) options_.threads = 1;
  working_ = {state_.encoder, state_.target, state_.predictor};
  if (!is_mixed()) return;
  working_ = {half_of(state_.encoder), half_of(state_.target), half_of(state_.predictor)};
  for (auto& tensors : {named_tensors(state_.encoder), named_tensors(state_.predictor)})
    for (const auto& [name, tensor] : tensors) gradients_.push_back(at::empty_like(tensor));
}

// At every step and not after it: a checkpoint may have been read in between.
void Trainer::renew_working_weights() {
  if (!is_mixed()) return;
  RECORD_USER_SCOPE("weights in half");
  const at::NoGradGuard no_grad;
  copy_values(working_.encoder, state_.encoder);
  copy_values(working_.target, state_.target);
  copy_values(working_.predictor, state_.predictor);
}

std::vector<at::Tensor> Trainer::full_precision(const std::vector<at::Tensor>& gradients) {
  if (!is_mixed()) return gradients;
  const at::NoGradGuard no_grad;
  at::_foreach_copy_(gradients_, gradients);
  return gradients_;
}

std::optional<StepReport> Trainer::step(const at::Tensor& pixels) {
  const std::int64_t number = state_.step + 1;
  const EncoderSpec& spec = config_.encoder;
  const auto masks = draw_masks(config_.masking, {spec.grid_t(), spec.grid_h(), spec.grid_w()},
                                config_.batch, config_.seed, static_cast<std::uint64_t>(number));
  std::optional<StepReport> report;
  if (is_logged(config_, number) || is_kept(config_, number)) report.emplace();
  StepReport* watched = report ? &*report : nullptr;
  renew_working_weights();
  const auto result = sharded_gradients(config_.gradient_shards, options_.threads, [&](int shard) {
    return forward(pixels, masks, shard, shard == 0 ? watched : nullptr);
  });
  if (watched != nullptr) watched->loss = result.loss.item<double>();
  apply(full_precision(result.gradients), number, watched);
  if (config_.objective == Objective::vjepa)
    update_target(state_, config_.momentum.at(state_.step));
  state_.step = number;
  return report;
}

at::Tensor Trainer::targets_of(const at::Tensor& patches, const at::Tensor& seen,
                               StepReport* report) const {
  RECORD_USER_SCOPE("teacher");
  const at::NoGradGuard no_grad;
  if (config_.objective == Objective::pixel_mae) {
    if (report != nullptr)
      report->features = feature_health(encode(working_.encoder, config_.encoder, seen));
    return normalised_pixels(patches);
  }
  const at::Tensor features = encode(working_.target, config_.encoder, seen).to(at::kFloat);
  if (report != nullptr) report->features = feature_health(features);
  return normalised_features(features);
}

ShardResult Trainer::forward(const at::Tensor& pixels, const std::vector<Mask>& masks, int shard,
                             StepReport* report) const {
  const BiasAfterProduct faster;
  const std::int64_t size = config_.batch / config_.gradient_shards, first = shard * size;
  const auto mine_of = [&](const at::Tensor& whole) {
    return queued_copy(whole.slice(0, first, first + size), options_.device);
  };
  const at::Tensor patches = patchify(mine_of(pixels), config_.encoder);
  const at::Tensor seen = is_mixed() ? patches.to(at::kBFloat16) : patches;
  const at::Tensor targets = targets_of(patches, seen, report);
  std::vector<Mask> mine;
  for (const auto& mask : masks) mine.push_back({mine_of(mask.context), mine_of(mask.target)});
  VitWeights encoder = alias_of(working_.encoder, true);
  PredictorWeights predictor = alias_of(working_.predictor, true);
  // The teacher sees all tokens of every clip, always as many.
  std::optional<ChangingShapes> masked;
  if (options_.changing_shapes) masked.emplace();
  ShardResult result;
  result.loss = prediction_loss(encoder, config_.encoder, predictor, config_.predictor, seen,
                                targets, mine, config_.loss_exponent) /
                static_cast<double>(config_.gradient_shards);
  for (const auto& [name, tensor] : named_tensors(encoder)) result.leaves.push_back(tensor);
  for (const auto& [name, tensor] : named_tensors(predictor)) result.leaves.push_back(tensor);
  return result;
}

void Trainer::apply(const std::vector<at::Tensor>& gradients, std::int64_t number,
                    StepReport* report) {
  RECORD_USER_SCOPE("optimiser");
  const auto split = static_cast<std::ptrdiff_t>(named_tensors(state_.encoder).size());
  const double limit = number > config_.learning_rate.warmup ? config_.clip_grad : 0.0;
  if (limit > 0 || report != nullptr) {
    const at::Tensor encoder =
        clip_gradients({gradients.begin(), gradients.begin() + split}, limit);
    const at::Tensor predictor =
        clip_gradients({gradients.begin() + split, gradients.end()}, limit);
    if (report != nullptr) report->encoder_norm = encoder.item<double>();
    if (report != nullptr) report->predictor_norm = predictor.item<double>();
  }
  state_.optimiser.step(gradients, config_.learning_rate.at(number),
                        config_.weight_decay.at(number));
}

}  // namespace permafrost
