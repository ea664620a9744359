// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/denoising.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/json/json_fields.h"
#include "models/encoders/denoiser_file.h"
#include "models/network/denoiser/fold.h"
#include "models/pretraining/objectives/expert_watch.h"
#include "models/pretraining/objectives/feature_health.h"
#include "models/training/moving_average.h"

namespace permafrost {
namespace {

constexpr NamedValue<LevelSchedule> kLevelSchedules[] = {{"uniform", LevelSchedule::uniform},
                                                         {"lognormal", LevelSchedule::lognormal},
                                                         {"low", LevelSchedule::low}};

// Of tau: the loss at little and at much noise says more than their mean.
constexpr std::array<const char*, 4> kBins{"00_25", "25_50", "50_75", "75_100"};

class DenoiseLearner : public Learner {
 public:
  explicit DenoiseLearner(const Denoising& objective)
      : objective_(&objective),
        network_(make_denoiser(objective.spec(), objective.run().init, objective.run().seed)),
        slow_(clone_of(network_)),
        space_(unmeasured_space(objective.keys().space, objective.spec().outputs,
                                objective.spec().network.patch_values())),
        watched_(unwatched_clips(objective.spec().network)) {}

  std::unique_ptr<Learner> copy() const override { return std::make_unique<DenoiseLearner>(*this); }

  std::vector<WeightGroup> groups() override {
    std::vector<WeightGroup> groups{group_of("denoiser", network_),
                                    group_of("ema", slow_, Role::follows),
                                    group_of("space", space_, Role::measured)};
    if (watched_.patches.defined()) groups.push_back(group_of("watched", watched_, Role::measured));
    return groups;
  }

  void measure(const at::Tensor& patches) override {
    const at::NoGradGuard no_grad;
    watch_clips(watched_, patches);
    copy_values(space_, space_of_first_patches(objective_->keys().space, objective_->spec().outputs,
                                               patches, objective_->run().where));
  }

  // Levels, noised clips, target and loss are float32 whatever the networks compute in.
  at::Tensor loss(const Shard& shard, StepFigures* figures) const override {
    const at::Tensor &levels = shard.drawn[0], &noise = shard.drawn[1];
    const at::Tensor clean = to_coordinates(space_, shard.patches);
    BlockTrace trace{.router = objective_->run().router};
    const at::Tensor answer = denoise(network_, spec(), space_, noised(clean, noise, levels),
                                      times_of(levels), {.trace = &trace});
    const at::Tensor target = target_of(spec().parametrisation, clean, noise);
    const at::Tensor errors = (answer - target).square().mean({1, 2});  // [b]
    if (figures != nullptr) note(levels, errors.detach(), *figures);
    if (figures != nullptr && shard.number == 0) note_health(shard, *figures);
    return with_extras(errors.mean(), trace, figures);
  }

  void after_step(std::int64_t /*update*/) override {
    follow(named_tensors(slow_), named_tensors(network_), objective_->keys().ema);
  }

  // Of the slow copy on clean clips, as the exported encoder sees them.
  void note_state(StepFigures& figures) override {
    if (!watched_.patches.defined()) return;
    note_experts(watched_, spec().network, figures,
                 [&](const at::Tensor& patches, BlockTrace& trace) {
                   denoiser_features(slow_, spec(), patches, clean_times(patches), &trace);
                 });
  }

  ExportedEncoder exported() const override {
    FoldedEncoder made = folded(as_written(slow_), spec(), kExportedTau, spec().network.depth,
                                objective_->run().where);
    return {"ema", std::move(made.spec), std::move(made.weights)};
  }

  std::vector<ExportedFile> files() const override {
    const Denoiser denoiser{.spec = spec(), .weights = slow_, .space = space_};
    return {{"denoiser.safetensors", denoiser_tensors(denoiser), denoiser_metadata(denoiser)}};
  }

 private:
  const DenoiserSpec& spec() const { return objective_->spec(); }

  // The loss at four ranges of noise, and beside it what can be had without looking at other
  // tokens: only below that has anything been learned of how tokens belong together.
  void note(const at::Tensor& levels, const at::Tensor& errors, StepFigures& figures) const {
    const at::Tensor floors =
        error_without_neighbours(spec().parametrisation, space_.variances, levels);
    const auto count = static_cast<double>(kBins.size());
    const at::Tensor bin = (levels.select(1, 0) * count).floor().clamp(0, count - 1);
    for (const auto& [name, values] : {std::pair("loss_noise_", errors), {"floor_noise_", floors}})
      for (std::size_t k = 0; k < kBins.size(); ++k) {
        const at::Tensor in_bin = bin.eq(static_cast<double>(k)).to(at::kFloat);
        figures.add(std::string(name) + kBins[k], (values * in_bin).sum().item<double>(),
                    in_bin.sum().item<double>());
      }
  }

  // Of clean clips, as the exported encoder sees them.
  void note_health(const Shard& shard, StepFigures& figures) const {
    const at::NoGradGuard no_grad;
    add_health(figures,
               denoiser_features(network_, spec(), shard.seen, clean_times(shard.patches)));
  }

  // Of kExportedTau, for these float32 patches.
  at::Tensor clean_times(const at::Tensor& patches) const {
    const auto time = static_cast<float>(level_at(spec(), kExportedTau).time);
    return at::full({patches.size(0)}, time, patches.options());
  }

  const Denoising* objective_;
  DenoiserWeights network_, slow_;
  PatchSpace space_;
  WatchedClips watched_;
};

DenoiseKeys read_keys(JsonObject& parent, int values) {
  DenoiseKeys keys;
  const Json* json = parent.child("denoise");
  if (json == nullptr) return keys;
  JsonObject object(*json, parent.where("denoise"));
  const FieldReader read(object);
  read.named(true, "space", keys.space, kSpaces);
  if (object.has("components") && keys.space == SpaceKind::pixel)
    throw InputError(parent.where("denoise"), "components", "no such key with space \"pixel\"",
                     "one");
  read("components", keys.components, 1, values);
  read.named(true, "parametrisation", keys.parametrisation, kParametrisations);
  read.named(true, "schedule", keys.schedule, kLevelSchedules);
  read("ema", keys.ema, 0, 1);
  if (object.has("time_scale") && keys.parametrisation == Parametrisation::eps)
    throw InputError(parent.where("denoise"), "time_scale",
                     "no such key with parametrisation \"eps\", which is told steps", "one");
  read("time_scale", keys.time_scale, 1e-3, 1e6);
  object.finish();
  return keys;
}

std::shared_ptr<const Objective> read(JsonObject& object, const RunSetting& run) {
  require_denoiser_network(run.encoder, run.where + ":/encoder");
  const int values = run.encoder.patch_values();
  const DenoiseKeys keys = read_keys(object, values);
  if (keys.space == SpaceKind::pca && keys.components > values)
    throw InputError(run.where, "denoise.components",
                     "at most " + std::to_string(values) + ", the values of a patch",
                     std::to_string(keys.components));
  return std::make_shared<Denoising>(run, keys);
}

}  // namespace

ObjectiveKind denoising() {
  return {.name = "denoise", .keys = {"denoise"}, .experts = true, .read = read};
}

Denoising::Denoising(RunSetting run, const DenoiseKeys& keys) : run_(std::move(run)), keys_(keys) {
  spec_.network = run_.encoder;
  spec_.parametrisation = keys.parametrisation;
  spec_.time_scale = keys.time_scale;
  spec_.outputs = keys.space == SpaceKind::pca ? keys.components : spec_.network.patch_values();
}

std::unique_ptr<Learner> Denoising::start() const {
  return std::make_unique<DenoiseLearner>(*this);
}

std::int64_t Denoising::clips_to_measure() const {
  return clips_to_measure_space(spec_.network.tokens());
}

NoiseLevel drawn_level(const DenoiserSpec& spec, LevelSchedule schedule, RandomStream& stream) {
  if (schedule == LevelSchedule::lognormal) {
    const double ratio = std::exp(static_cast<double>(stream.normal()));
    return level_at(spec, ratio / (1 + ratio));
  }
  double u = stream.uniform();
  if (schedule == LevelSchedule::low) u *= u;
  constexpr double kSteps = 1000;
  return spec.parametrisation == Parametrisation::flow
             ? level_at(spec, u)
             : level_of_step(static_cast<int>(u * kSteps));
}

std::vector<at::Tensor> Denoising::draw(std::int64_t step) const {
  const std::int64_t values = std::int64_t{spec_.network.tokens()} * spec_.outputs;
  std::vector<NoiseLevel> levels;
  const at::Tensor noise =
      at::empty({run_.batch, spec_.network.tokens(), spec_.outputs}, at::kFloat);
  float* out = noise.data_ptr<float>();
  for (int i = 0; i < run_.batch; ++i) {
    RandomStream stream({.seed = run_.seed,
                         .purpose = "denoise",
                         .epoch = static_cast<std::uint64_t>(step),
                         .sample = static_cast<std::uint64_t>(i)});
    levels.push_back(drawn_level(spec_, keys_.schedule, stream));
    std::generate_n(out, values, [&] { return stream.normal(); });
    out += values;
  }
  return {level_rows(levels), noise};
}

StepFlops Denoising::flops(const std::vector<at::Tensor>& drawn) const {
  constexpr double kForwardAndBackward = 3, kForwardAndHalfBackward = 2;
  const auto clips = static_cast<double>(drawn[0].size(0));
  StepFlops parts{
      {"denoiser", clips * (kForwardAndBackward * denoiser_flops(spec_) +
                            kForwardAndHalfBackward * denoiser_embedding_flops(spec_))}};
  // To coordinates and back, without gradients.
  if (keys_.space == SpaceKind::pca)
    parts.emplace_back("space", clips * 2 *
                                    linear_flops(spec_.network.tokens(),
                                                 spec_.network.patch_values(), spec_.outputs));
  return parts;
}

}  // namespace permafrost
