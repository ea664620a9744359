// SPDX-License-Identifier: Apache-2.0
#pragma once

// One more objective, as small as one can be: pixels are disturbed by noise of a level drawn for
// every clip, in units of their deviation, and a linear head on the encoder says what the noise
// was. A slow copy of the encoder is exported, and the head beside it. docs/adding-an-objective.md
// goes through it. Tests only.
#include <ATen/ATen.h>

#include "common/random.h"
#include "models/pretraining/objectives/feature_health.h"
#include "models/pretraining/objectives/objective.h"
#include "models/training/moving_average.h"

namespace permafrost::toy {

class NoisePrediction : public Objective {
 public:
  NoisePrediction(RunSetting of_run, double most) : run(std::move(of_run)), loudest(most) {}

  std::string name() const override { return "toy_noise"; }
  std::unique_ptr<Learner> start() const override;

  // Level [batch] and noise [batch,N,values] of every clip.
  std::vector<at::Tensor> draw(std::int64_t step) const override {
    RandomStream stream(
        {.seed = run.seed, .purpose = "toy.noise", .sample = static_cast<std::uint64_t>(step)});
    const at::Tensor level = at::empty({run.batch}, at::kFloat);
    for (int i = 0; i < run.batch; ++i)
      level.data_ptr<float>()[i] = static_cast<float>(loudest) * stream.uniform();
    return {level, normal_tensor({run.batch, run.encoder.tokens(), run.encoder.patch_values()}, 1,
                                 stream)};
  }

  std::int64_t clips_to_measure() const override { return 12; }

  StepFlops flops(const std::vector<at::Tensor>& drawn) const override {
    const EncoderSpec& spec = run.encoder;
    const double clips = static_cast<double>(drawn[0].size(0)), tokens = spec.tokens();
    return {
        {"encoder", clips * (2 * embedding_flops(spec, tokens) + 3 * blocks_flops(spec, tokens))},
        {"head", clips * 3 * linear_flops(tokens, spec.width, spec.patch_values())}};
  }

  const RunSetting run;
  const double loudest;
};

struct HeadWeights {
  LinearWeights noise;
};

inline void visit(HeadWeights& weights, const TensorVisitor& visitor) {
  permafrost::visit(weights.noise, "noise", visitor);
}

// What the first clips say.
struct PixelStatistics {
  at::Tensor deviation = at::ones({1});  // of normalised pixels
};

inline void visit(PixelStatistics& statistics, const TensorVisitor& visitor) {
  visitor("deviation", statistics.deviation);
}

class NoiseLearner : public Learner {
 public:
  explicit NoiseLearner(const NoisePrediction& objective)
      : objective_(objective),
        encoder_(make_vit(objective.run.encoder, objective.run.init, objective.run.seed)),
        slow_(clone_of(encoder_)) {
    RandomStream stream({.seed = objective.run.seed, .purpose = "toy.head"});
    const EncoderSpec& spec = objective.run.encoder;
    head_.noise = make_linear(spec.width, spec.patch_values(), objective.run.init, stream);
  }

  std::unique_ptr<Learner> copy() const override { return std::make_unique<NoiseLearner>(*this); }

  std::vector<WeightGroup> groups() override {
    return {group_of("encoder", encoder_), group_of("ema", slow_, Role::follows),
            group_of("head", head_), group_of("pixels", pixels_, Role::measured)};
  }

  void measure(const at::Tensor& patches) override { pixels_.deviation.copy_(patches.std()); }

  at::Tensor loss(const Shard& shard, StepFigures* figures) const override {
    const at::Tensor &level = shard.drawn[0], &noise = shard.drawn[1];
    const at::Tensor disturbed =
        (shard.patches + level.view({-1, 1, 1}) * pixels_.deviation * noise)
            .to(shard.seen.scalar_type());
    BlockTrace trace;
    const at::Tensor features =
        encode(encoder_, objective_.run.encoder, disturbed, {}, Tokens::patch, &trace);
    const at::Tensor answer = apply_linear(head_.noise, features).to(at::kFloat);
    const at::Tensor errors = (answer - noise).square().mean({1, 2});  // [b]
    if (figures != nullptr) note(level, errors.detach(), *figures);
    if (figures != nullptr && shard.number == 0) add_health(*figures, features.detach());
    return with_extras(errors.mean(), trace, figures);
  }

  void after_step(std::int64_t /*update*/) override {
    follow(named_tensors(slow_), named_tensors(encoder_), 0.9);
  }

  ExportedEncoder exported() const override { return {"ema", objective_.run.encoder, slow_}; }
  std::vector<ExportedFile> files() const override {
    return {{"head.safetensors", {{"noise.weight", head_.noise.weight.detach()}}, {}}};
  }

 private:
  // The mean error of quiet and of loud clips, over all shards.
  void note(const at::Tensor& level, const at::Tensor& errors, StepFigures& figures) const {
    const at::Tensor loud = level.gt(objective_.loudest / 2).to(at::kFloat), quiet = 1 - loud;
    figures.add("loss_quiet", (errors * quiet).sum().item<double>(), quiet.sum().item<double>());
    figures.add("loss_loud", (errors * loud).sum().item<double>(), loud.sum().item<double>());
  }

  const NoisePrediction& objective_;
  VitWeights encoder_, slow_;
  HeadWeights head_;
  PixelStatistics pixels_;
};

inline std::unique_ptr<Learner> NoisePrediction::start() const {
  return std::make_unique<NoiseLearner>(*this);
}

inline std::shared_ptr<const Objective> read_noise_prediction(JsonObject& keys,
                                                              const RunSetting& run) {
  return std::make_shared<NoisePrediction>(run, keys.number("loudest", 1.0, 0.01, 10));
}

inline ObjectiveKind noise_prediction() {
  return {.name = "toy_noise", .keys = {"loudest"}, .read = read_noise_prediction};
}

// A program that includes this file knows the objective.
inline const bool noise_prediction_is_known = (register_objective(noise_prediction()), true);

}  // namespace permafrost::toy
