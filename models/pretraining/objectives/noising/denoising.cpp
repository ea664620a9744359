// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/noising/denoising.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "models/encoders/denoiser_file.h"
#include "models/network/denoiser/fold.h"
#include "models/pretraining/objectives/expert_watch.h"
#include "models/pretraining/objectives/feature_health.h"
#include "models/training/moving_average.h"

namespace permafrost {
namespace {

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

  // Only below what can be had without looking at other tokens has anything been learned of how
  // tokens belong together.
  void note(const at::Tensor& levels, const at::Tensor& errors, StepFigures& figures) const {
    note_by_noise(figures, levels, errors,
                  error_without_neighbours(spec().parametrisation, space_.variances, levels));
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

std::shared_ptr<const Objective> read_denoising(JsonObject& object, const RunSetting& run) {
  require_denoiser_network(run.encoder, run.where + ":/encoder");
  return std::make_shared<Denoising>(run, read_denoise_keys(object, run));
}

}  // namespace

ObjectiveKind denoising() {
  return {.name = "denoise", .keys = {"denoise"}, .experts = true, .read = read_denoising};
}

Denoising::Denoising(RunSetting run, const DenoiseKeys& keys)
    : run_(std::move(run)), keys_(keys), spec_(denoiser_spec_of(keys, run_.encoder)) {}

std::unique_ptr<Learner> Denoising::start() const {
  return std::make_unique<DenoiseLearner>(*this);
}

std::int64_t Denoising::clips_to_measure() const {
  return clips_to_measure_space(spec_.network.tokens());
}

std::vector<at::Tensor> Denoising::draw(std::int64_t step) const {
  DrawnNoise drawn = draw_noise(spec_, keys_.schedule, run_, step);
  return {std::move(drawn.levels), std::move(drawn.noise)};
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
