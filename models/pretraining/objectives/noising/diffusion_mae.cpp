// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/noising/diffusion_mae.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "models/network/denoiser/noised_predictor.h"
#include "models/network/layers/attention_plans.h"
#include "models/pretraining/objectives/feature_health.h"
#include "models/training/moving_average.h"

namespace permafrost {
namespace {

constexpr NamedValue<Prediction> kPredictions[] = {{"clean", Prediction::clean},
                                                   {"noise", Prediction::noise}};

// What draw() gave, of a batch or a shard.
struct Drawn {
  std::vector<Mask> masks;
  at::Tensor levels, noise;
};

Drawn drawn_of(const std::vector<at::Tensor>& all) {
  return {.masks = drawn_masks({all.begin(), all.end() - 2}),
          .levels = all[all.size() - 2],
          .noise = all.back()};
}

class DiffusionMaeLearner : public Learner {
 public:
  explicit DiffusionMaeLearner(const DiffusionMae& objective)
      : objective_(&objective),
        encoder_(make_vit(spec(), objective.run().init, objective.run().seed)),
        slow_(clone_of(encoder_)),
        predictor_(make_noised_predictor(objective.keys().predictor, spec(),
                                         objective.path().frequencies, objective.run().init,
                                         objective.run().seed)),
        space_(unmeasured_space(objective.noise_keys().space, objective.path().outputs,
                                spec().patch_values())),
        watched_(unwatched_clips(spec())) {}

  std::unique_ptr<Learner> copy() const override {
    return std::make_unique<DiffusionMaeLearner>(*this);
  }

  std::vector<WeightGroup> groups() override {
    std::vector<WeightGroup> groups{
        group_of("encoder", encoder_), group_of("ema", slow_, Role::follows),
        group_of("predictor", predictor_), group_of("space", space_, Role::measured)};
    groups[2].learning_rate_scale = objective_->keys().predictor_rate_scale;
    if (watched_.patches.defined()) groups.push_back(group_of("watched", watched_, Role::measured));
    return groups;
  }

  void measure(const at::Tensor& patches) override {
    const at::NoGradGuard no_grad;
    watch_clips(watched_, patches);
    copy_values(space_,
                space_of_first_patches(objective_->noise_keys().space, objective_->path().outputs,
                                       patches, objective_->run().where));
  }

  // Levels, noised clips, target and loss are float32 whatever the networks compute in.
  at::Tensor loss(const Shard& shard, StepFigures* figures) const override {
    const Drawn drawn = drawn_of(shard.drawn);
    if (figures != nullptr && shard.number == 0) note_health(shard, *figures);
    // A mean over the masks, as the loss is.
    const auto masks = static_cast<double>(drawn.masks.size());
    const RouterLosses& router = objective_->run().router;
    BlockTrace trace{.router = {.balance = router.balance / masks, .z = router.z / masks}};
    const at::Tensor errors = errors_of(shard, drawn, trace);
    if (figures != nullptr)
      note_by_noise(*figures, drawn.levels, errors.detach(), floors(drawn.levels));
    return with_extras(errors.mean(), trace, figures);
  }

  void after_step(std::int64_t /*update*/) override {
    follow(named_tensors(slow_), named_tensors(encoder_), objective_->noise_keys().ema);
  }

  void note_state(StepFigures& figures) override {
    if (!watched_.patches.defined()) return;
    note_experts(watched_, spec(), figures, [&](const at::Tensor& patches, BlockTrace& trace) {
      encode(slow_, spec(), patches, {}, Tokens::patch, &trace);
    });
  }

  ExportedEncoder exported() const override { return {"ema", spec(), slow_}; }

 private:
  const EncoderSpec& spec() const { return objective_->run().encoder; }

  // Of every clip of a shard [b], the mean over masks, masked tokens and values.
  at::Tensor errors_of(const Shard& shard, const Drawn& drawn, BlockTrace& trace) const {
    const at::Tensor clean = to_coordinates(space_, shard.patches);
    const at::Tensor x = noised(clean, drawn.noise, drawn.levels);
    const at::Tensor target =
        objective_->predict() == Prediction::clean
            ? clean
            : target_of(objective_->path().parametrisation, clean, drawn.noise);
    std::optional<ChangingShapes> masked;
    if (shard.changing_shapes) masked.emplace();
    at::Tensor total;
    for (const auto& mask : drawn.masks) {
      const at::Tensor predicted =
          predicted_of(shard, mask, gather_tokens(x, mask.target), times_of(drawn.levels), trace);
      RECORD_USER_SCOPE("loss");
      const at::Tensor errors =
          (predicted.to(at::kFloat) - gather_tokens(target, mask.target)).square().mean({1, 2});
      total = total.defined() ? total + errors : errors;
    }
    return total / static_cast<double>(drawn.masks.size());
  }

  // For coordinates x float32 [b,Ky,d] of the masked tokens.
  at::Tensor predicted_of(const Shard& shard, const Mask& mask, const at::Tensor& x,
                          const at::Tensor& times, BlockTrace& trace) const {
    at::Tensor z;
    {
      RECORD_USER_SCOPE("context");
      z = encode(encoder_, spec(), shard.seen, mask.context, Tokens::patch, &trace);
    }
    RECORD_USER_SCOPE("predictor");
    return predict_noised(predictor_, objective_->keys().predictor, spec().norm_eps, z,
                          mask.context, mask.target, x.to(shard.seen.scalar_type()), times);
  }

  at::Tensor floors(const at::Tensor& levels) const {
    return objective_->predict() == Prediction::clean
               ? clean_error_without_neighbours(space_.variances, levels)
               : error_without_neighbours(objective_->path().parametrisation, space_.variances,
                                          levels);
  }

  // Of whole clips, as the exported encoder sees them.
  void note_health(const Shard& shard, StepFigures& figures) const {
    const at::NoGradGuard no_grad;
    add_health(figures, encode(encoder_, spec(), shard.seen));
  }

  const DiffusionMae* objective_;
  VitWeights encoder_, slow_;
  NoisedPredictorWeights predictor_;
  PatchSpace space_;
  WatchedClips watched_;
};

std::shared_ptr<const Objective> read_diffusion_mae(JsonObject& object, const RunSetting& run) {
  Prediction predict = Prediction::clean;
  const DenoiseKeys noise = read_denoise_keys(object, run, [&](const FieldReader& reader) {
    reader.named(true, "predict", predict, kPredictions);
  });
  const int outputs = denoiser_spec_of(noise, run.encoder).outputs;
  return std::make_shared<DiffusionMae>(run, read_masked_keys(object, run, outputs, 2.0), noise,
                                        predict);
}

}  // namespace

ObjectiveKind diffusion_mae() {
  return {.name = "diff_mae",
          .keys = {"masking", "predictor", "denoise"},
          .experts = true,
          .read = read_diffusion_mae};
}

DiffusionMae::DiffusionMae(RunSetting run, MaskedKeys keys, const DenoiseKeys& noise,
                           Prediction predict)
    : MaskedPrediction(std::move(run), std::move(keys)),
      noise_(noise),
      predict_(predict),
      path_(denoiser_spec_of(noise, this->run().encoder)) {}

std::unique_ptr<Learner> DiffusionMae::start() const {
  return std::make_unique<DiffusionMaeLearner>(*this);
}

std::int64_t DiffusionMae::clips_to_measure() const {
  return std::max(MaskedPrediction::clips_to_measure(),
                  clips_to_measure_space(run().encoder.tokens()));
}

std::vector<at::Tensor> DiffusionMae::draw(std::int64_t step) const {
  std::vector<at::Tensor> all = MaskedPrediction::draw(step);
  const DrawnNoise drawn = draw_noise(path_, noise_.schedule, run(), step);
  all.push_back(drawn.levels);
  all.push_back(drawn.noise);
  return all;
}

StepFlops DiffusionMae::flops(const std::vector<at::Tensor>& drawn) const {
  constexpr double kForwardAndBackward = 3, kForwardAndHalfBackward = 2;
  const std::vector<Mask> masks = drawn_of(drawn).masks;
  const PredictorSpec& predictor = keys().predictor;
  StepFlops parts = masked_flops(run().encoder, predictor, masks, false);
  // Noised coordinates and sinusoids are given: nobody asks for their gradients.
  for (const auto& mask : masks) {
    const double given =
        linear_flops(static_cast<double>(mask.target.size(1)), path_.outputs, predictor.width) +
        linear_flops(1, path_.frequencies, predictor.width);
    parts.back().second +=
        static_cast<double>(mask.context.size(0)) *
        (kForwardAndHalfBackward * given +
         kForwardAndBackward * linear_flops(1, predictor.width, predictor.width));
  }
  if (noise_.space == SpaceKind::pca)
    parts.emplace_back("space", static_cast<double>(drawn.back().size(0)) *
                                    linear_flops(run().encoder.tokens(),
                                                 run().encoder.patch_values(), path_.outputs));
  return parts;
}

}  // namespace permafrost
