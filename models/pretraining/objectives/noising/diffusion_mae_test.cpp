// SPDX-License-Identifier: Apache-2.0
// Pretraining with noised patches in the place of mask tokens, from its configuration to its files.
#include "models/pretraining/objectives/noising/diffusion_mae.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/encoder.h"
#include "models/network/denoiser/noised_predictor.h"
#include "models/testing/toy_network.h"
#include "models/testing/toy_run.h"

namespace permafrost {
namespace diffusion_mae_test {

Json toy_run(const Json& denoise = Json::object(), const Json& changes = Json::object()) {
  return toy_noised_run("diff_mae", denoise, changes);
}

PretrainConfig config_of(const Json& json) { return read_pretrain_config(json, "a.json"); }

const DiffusionMae& objective_of(const PretrainConfig& config) {
  return dynamic_cast<const DiffusionMae&>(*config.objective);
}

class DiffMae : public testing::Test {
 protected:
  TestFolder folder_;
};

TEST_F(DiffMae, PretrainsSavesAndGoesOn) {
  for (const Json& keys : {Json::object(), Json{{"space", "pixel"}, {"parametrisation", "eps"}},
                           Json{{"predict", "noise"}}}) {
    const std::filesystem::path out =
        folder_ / (keys.value("space", "pca") + keys.value("predict", ""));
    run_toy(toy_run(keys), out / "whole");
    EXPECT_FALSE(run_toy(toy_run(keys), out / "parts", 1, 3).finished);
    EXPECT_TRUE(run_toy(toy_run(keys), out / "parts").finished);
    run_toy(toy_run(keys), out / "threads", 3);
    for (const char* other : {"parts", "threads"}) {
      EXPECT_EQ(encoder_bytes(out / other), encoder_bytes(out / "whole")) << other;
      EXPECT_EQ(log_of(out / other), log_of(out / "whole")) << other;
    }
    EXPECT_FALSE(std::filesystem::exists(out / "whole/denoiser.safetensors"));
  }
}

TEST_F(DiffMae, LearnsToPredictWhatWasMasked) {
  run_toy(toy_run({{"components", 12}}, learning_run(150)), folder_ / "run");
  EXPECT_LT(loss_left(folder_ / "run", 5), 0.7);
}

TEST_F(DiffMae, LogsItsLossByNoiseBesideTheFloor) {
  run_toy(toy_run(Json::object(), {{"batch", 32}}), folder_ / "run");
  for (const Json& line : log_of(folder_ / "run")) {
    for (const char* key : {"feature_rank", "feature_deviation_in_clip", "gradient_norm_encoder",
                            "gradient_norm_predictor"})
      EXPECT_TRUE(line.contains(key)) << key << line;
    EXPECT_FALSE(line.contains("gradient_norm_ema") || line.contains("gradient_norm_space"))
        << line;
    double lowest = 1e9, highest = 0, floor_before = 0;
    for (const char* bin : {"00_25", "25_50", "50_75", "75_100"}) {
      const Json &loss = line.at(std::string("loss_noise_") + bin),
                 &floor = line.at(std::string("floor_noise_") + bin);
      EXPECT_EQ(loss.is_null(), floor.is_null()) << bin;
      if (loss.is_null()) continue;  // no clip of the batch had so much noise
      lowest = std::min(lowest, loss.get<double>());
      highest = std::max(highest, loss.get<double>());
      EXPECT_GT(floor, floor_before) << "clean coordinates are harder to tell in more noise";
      EXPECT_LE(floor, 1);  // the mean variance of a coordinate
      floor_before = floor;
    }
    EXPECT_LE(lowest, line["loss"]);
    EXPECT_GE(highest, line["loss"]);
  }
}

TEST_F(DiffMae, ComputesInBfloat16OnACopyOfItsWeightsAlone) {
  run_toy(toy_run(Json::object(), {{"steps", 2}, {"precision", "bfloat16"}}), folder_ / "half");
  run_toy(toy_run(Json::object(), {{"steps", 2}}), folder_ / "full");
  const double half = log_of(folder_ / "half")[1]["loss"],
               full = log_of(folder_ / "full")[1]["loss"];
  EXPECT_NE(half, full);
  EXPECT_NEAR(half, full, 0.01 * full);
  const SafetensorsFile file = read_safetensors(folder_ / "half/checkpoint.safetensors");
  for (const char* name : {"space.components", "encoder.norm.weight",
                           "predictor.noised_embed.weight", "predictor.t_embedder.mlp.2.bias"})
    EXPECT_EQ(file.tensor(name, "half").scalar_type(), at::kFloat) << name;
}

// An ordinary encoder, that needs no noise level.
TEST_F(DiffMae, LeavesTheSlowCopyOfItsEncoder) {
  run_toy(toy_run({{"ema", 0.5}}), folder_ / "run");
  const Encoder exported = load_encoder_file(folder_ / "run/encoder.safetensors");
  EXPECT_EQ(exported.provenance.at("export"), "ema");
  EXPECT_EQ(to_json(exported.spec), to_json(config_of(toy_run()).encoder));
  const SafetensorsFile file = read_safetensors(folder_ / "run/checkpoint.safetensors");
  VitWeights weights = exported.weights;
  bool differ = false;
  for (const auto& [name, tensor] : named_tensors(weights)) {
    const at::Tensor slow = file.tensor("ema." + name, "run");
    EXPECT_TRUE(tensor.equal(slow.view(tensor.sizes()))) << name;
    differ = differ || !slow.equal(file.tensor("encoder." + name, "run"));
  }
  EXPECT_TRUE(differ);
}

// ---- Shapes and loss of a tiny case

constexpr PredictorSpec kPredictor{.width = 12, .depth = 1, .heads = 4, .outputs = 5};

NoisedPredictorWeights toy_predictor() {
  NoisedPredictorWeights weights =
      make_noised_predictor(kPredictor, toy::encoder_spec(), 8, Init::xavier, 3);
  weights.predictor.blocks = {toy::block(12, 40)};
  return weights;
}

at::Tensor toy_prediction(const NoisedPredictorWeights& weights, const at::Tensor& patches,
                          const at::Tensor& x, const std::vector<float>& times) {
  const at::Tensor z = encode(toy::encoder(), toy::encoder_spec(), patches, toy::context());
  return predict_noised(weights, kPredictor, 1e-6, z, toy::context(), toy::target(), x,
                        at::tensor(times));
}

TEST(NoisedPredictor, IsAPredictorWithNoisedPatchesForMaskTokens) {
  const NoisedPredictorWeights weights = toy_predictor();
  const at::Tensor x = fill({2, 4, 5}, 9, 1);
  const at::Tensor prediction = toy_prediction(weights, toy::patches(), x, {500, 500});
  ASSERT_EQ(prediction.sizes(), (std::vector<std::int64_t>{2, 4, 5}));
  // Where patches are not looked at, what is left of a noised token is the same everywhere.
  NoisedPredictorWeights blind = weights;
  blind.noised_embed.weight = at::zeros({12, 5});
  PredictorWeights masked = weights.predictor;
  masked.mask_tokens = {
      (blind.noised_embed.bias + time_embedding(blind.time1, blind.time2, at::tensor({500.0F})))
          .view({1, 1, 12})};
  const at::Tensor z = encode(toy::encoder(), toy::encoder_spec(), toy::patches(), toy::context());
  const at::Tensor asked = predict(masked, kPredictor, 1e-6, z, toy::context(), toy::target(), 0);
  EXPECT_LT(largest_difference(toy_prediction(blind, toy::patches(), x, {500, 500}), asked), 1e-6);
  EXPECT_GT(largest_difference(prediction, asked), 1e-3);
}

TEST(NoisedPredictor, IsToldTheTimeOfEveryClip) {
  const at::Tensor x = fill({2, 4, 5}, 9, 1);
  const at::Tensor same = toy_prediction(toy_predictor(), toy::patches(), x, {100, 100}),
                   later = toy_prediction(toy_predictor(), toy::patches(), x, {100, 900});
  EXPECT_TRUE(same[0].equal(later[0]));
  EXPECT_GT(largest_difference(same[1], later[1]), 1e-3);
}

TEST(NoisedPredictor, HasNoMaskTokens) {
  NoisedPredictorWeights weights = toy_predictor();
  std::vector<std::string> names;
  visit(weights, [&](const std::string& name, at::Tensor&) { names.push_back(name); });
  EXPECT_EQ(names.size(), 2U + 12U + 2U + 2U + 6U);
  for (const auto& name : names) EXPECT_EQ(name.find("mask_token"), std::string::npos) << name;
  EXPECT_EQ(names.back(), "t_embedder.mlp.2.bias");
}

// A learner whose space is measured, a batch for it, and what was drawn of its first step.
struct Started {
  explicit Started(const Json& json)
      : config(config_of(json)),
        learner(config.objective->start()),
        drawn(config.objective->draw(1)) {
    learner->measure(patches);
  }
  double loss(const at::Tensor& clips, StepFigures* figures = nullptr) const {
    return learner->loss({.number = 1, .patches = clips, .seen = clips, .drawn = drawn}, figures)
        .item<double>();
  }
  // All clips at this level.
  void set_level(double tau) {
    const NoiseLevel level = level_at(objective_of(config).path(), tau);
    drawn[drawn.size() - 2] =
        level_rows(std::vector<NoiseLevel>(static_cast<std::size_t>(config.batch), level));
  }
  at::Tensor tensor(const std::string& wanted) const {
    for (const auto& [name, tensor] : tensors_of(*learner))
      if (name == wanted) return tensor;
    throw Error(wanted);
  }

  PretrainConfig config;
  at::Tensor patches = fill({8, 18, 384}, 2, 1);
  std::unique_ptr<Learner> learner;
  std::vector<at::Tensor> drawn;
};

// An answer of zero: the predictor's last layer is all zeros.
void silence(const Started& started) {
  started.tensor("predictor.predictor_proj.weight").zero_();
  started.tensor("predictor.predictor_proj.bias").zero_();
}

at::Tensor masked_of(const at::Tensor& all, const at::Tensor& target) {
  return all.gather(1, target.unsqueeze(-1).expand({-1, -1, all.size(2)}));
}

TEST(DiffMaeLoss, OfAnAnswerOfZeroIsThatOfTheTargetsAtMaskedTokens) {
  for (const Json& keys : {Json::object(), Json{{"predict", "noise"}},
                           Json{{"predict", "noise"}, {"parametrisation", "eps"}}}) {
    const Started started(toy_run(keys));
    silence(started);
    const at::Tensor clean = at::matmul(started.patches - started.tensor("space.mean"),
                                        started.tensor("space.components").t()) /
                             started.tensor("space.scale");
    const at::Tensor& noise = started.drawn.back();
    const at::Tensor target = !keys.contains("predict")                        ? clean
                              : keys.value("parametrisation", "flow") == "eps" ? noise
                                                                               : noise - clean;
    // Two masks, which count alike whatever their sizes.
    ASSERT_EQ(started.drawn.size(), 6U);
    const double expected = (masked_of(target, started.drawn[1]).square().mean().item<double>() +
                             masked_of(target, started.drawn[3]).square().mean().item<double>()) /
                            2;
    EXPECT_NEAR(started.loss(started.patches), expected, 1e-5 * expected) << keys;
  }
}

// The mean of four bins, weighted by their clips, is the loss.
TEST(DiffMaeLoss, IsTheMeanOfItsBins) {
  const Started started(toy_run());
  StepFigures figures;
  const double loss = started.loss(started.patches, &figures);
  const at::Tensor tau = started.drawn[4].select(1, 0);
  double sum = 0;
  int k = 0;
  for (const char* bin : {"00_25", "25_50", "50_75", "75_100"}) {
    const double clips = (tau.ge(0.25 * k) & tau.lt(0.25 * (k + 1))).sum().item<double>();
    const double mean = number_named(figures.means(), std::string("loss_noise_") + bin);
    EXPECT_EQ(clips == 0, std::isnan(mean)) << bin;
    if (clips > 0) sum += clips * mean;
    ++k;
  }
  EXPECT_NEAR(sum / 8, loss, 1e-6);
}

TEST(DiffMaeFloor, OfCleanCoordinatesByHand) {
  // Variances 2 and 0.5 at tau 0.5: 0.25*2/(0.5+0.25) and 0.25*0.5/(0.125+0.25).
  const DenoiserSpec path;
  const at::Tensor floor = clean_error_without_neighbours(
      at::tensor({2.0F, 0.5F}), level_rows({level_at(path, 0.5), level_at(path, 1)}));
  EXPECT_NEAR(floor[0].item<double>(), (2.0 / 3 + 1.0 / 3) / 2, 1e-6);
  EXPECT_NEAR(floor[1].item<double>(), 1.25, 1e-6) << "nothing is known of the token: its variance";
}

// What is masked reaches the loss through the noised tokens and the targets alone.
TEST(DiffMaeTokens, VisibleOnesNeverSeeMaskedOnes) {
  const Started started(toy_run());
  const at::Tensor &context = started.drawn[0], &target = started.drawn[1];
  at::Tensor changed = started.patches.clone();
  changed.scatter_(1, target.unsqueeze(-1).expand({-1, -1, 384}),
                   fill({8, target.size(1), 384}, 77, 3));
  ASSERT_GT(largest_difference(changed, started.patches), 0.1);
  VitWeights encoder = make_vit(started.config.encoder, Init::xavier, 1);
  const auto seen = [&](const at::Tensor& patches) {
    return encode(encoder, started.config.encoder, patches, context);
  };
  EXPECT_TRUE(seen(changed).equal(seen(started.patches)));
}

// Noise 1, signal 0: a masked autoencoder whose mask tokens are noise. Its prediction is the same
// whatever is masked, so that between two clips with the same visible tokens only the target
// differs.
TEST(DiffMaeTokens, AtNoiseLevelOneThePredictorHasNothingButNoise) {
  const Json one_mask = toy_run(
      Json::object(), {{"masking", Json::array({{{"kind", "random_tube"}, {"ratio", 0.5}}})}});
  Started started(one_mask);
  started.set_level(1);
  const at::Tensor &context = started.drawn[0], &target = started.drawn[1];
  // By hand: features of the visible tokens, noise, and time 1000.
  VitWeights encoder = make_vit(started.config.encoder, Init::xavier, 1);
  const PredictorSpec& spec = objective_of(started.config).keys().predictor;
  NoisedPredictorWeights predictor =
      make_noised_predictor(spec, started.config.encoder, 256, Init::xavier, 1);
  const auto loss_by_hand = [&](const at::Tensor& patches) {
    const at::Tensor z = encode(encoder, started.config.encoder, patches, context);
    const at::Tensor predicted =
        predict_noised(predictor, spec, 1e-6, z, context, target,
                       masked_of(started.drawn.back(), target), at::full({8}, 1000.0F));
    const at::Tensor clean =
        at::matmul(patches - started.tensor("space.mean"), started.tensor("space.components").t()) /
        started.tensor("space.scale");
    return (predicted - masked_of(clean, target)).square().mean().item<double>();
  };
  EXPECT_NEAR(started.loss(started.patches), loss_by_hand(started.patches), 1e-5);
  at::Tensor changed = started.patches.clone();
  changed.scatter_(1, target.unsqueeze(-1).expand({-1, -1, 384}),
                   fill({8, target.size(1), 384}, 77, 3));
  EXPECT_NEAR(started.loss(changed), loss_by_hand(changed), 1e-5);
  EXPECT_GT(std::abs(loss_by_hand(changed) - loss_by_hand(started.patches)), 1e-3);
  started.set_level(0.5);
  EXPECT_GT(std::abs(started.loss(started.patches) - loss_by_hand(started.patches)), 1e-3);
}

// ---- What is drawn, and arithmetic

TEST(DiffMaeDraws, AreMasksThenLevelsAndNoise) {
  const PretrainConfig config = config_of(toy_run());
  const auto first = config.objective->draw(3), again = config.objective->draw(3),
             other = config.objective->draw(4);
  ASSERT_EQ(first.size(), 6U);  // context and target of two masks
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(first[i].equal(again[i])) << i;
  EXPECT_EQ(first[0].scalar_type(), at::kLong);
  EXPECT_EQ(first[4].sizes(), at::IntArrayRef({8, 4}));
  EXPECT_EQ(first[5].sizes(), at::IntArrayRef({8, 18, 6}));
  EXPECT_FALSE(first[4].equal(other[4]) || first[5].equal(other[5]));
  // The masks are those of any other objective.
  const Json pixels = toy_pretraining({{"objective", "pixel_mae"}, {"gradient_shards", 4}});
  const auto masks = config_of(pixels).objective->draw(3);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(first[i].equal(masks[i])) << i;
}

TEST(DiffMaeFlops, AreThoseOfMaskedPredictionAndOfTheNoisedTokens) {
  const PretrainConfig config = config_of(toy_run());
  const auto drawn = config.objective->draw(1);
  const StepFlops flops = config.objective->flops(drawn);
  const PredictorSpec& predictor = objective_of(config).keys().predictor;
  const std::vector<Mask> masks = drawn_masks({drawn.begin(), drawn.begin() + 4});
  const StepFlops masked = masked_flops(config.encoder, predictor, masks, false);
  EXPECT_EQ(number_named(flops, "context"), number_named(masked, "context"));
  // 6 coordinates and 256 waves to width 12 without the gradient of their inputs, and 12 to 12.
  double noised = 0;
  for (const auto& mask : masks)
    noised += 8 * (2 * (2.0 * static_cast<double>(mask.target.size(1)) * 6 * 12 + 2.0 * 256 * 12) +
                   3 * (2.0 * 12 * 12));
  EXPECT_EQ(number_named(flops, "predictor"), number_named(masked, "predictor") + noised);
  EXPECT_EQ(number_named(flops, "space"), 8 * (2.0 * 18 * 384 * 6));
  const PretrainConfig pixel = config_of(toy_run({{"space", "pixel"}}));
  EXPECT_TRUE(std::isnan(number_named(pixel.objective->flops(pixel.objective->draw(1)), "space")));
}

// ---- Keys

std::string refusal(const Json& json) {
  return input_error_of([&] { config_of(json); });
}

TEST(DiffMaeKeys, HaveTheDefaultsOfDenoise) {
  Json json = toy_run();
  json.erase("denoise");
  const PretrainConfig config = config_of(json);
  const DiffusionMae& objective = objective_of(config);
  EXPECT_EQ(objective.keys().predictor.outputs, 32);
  EXPECT_EQ(objective.keys().masking.masks.size(), 2U);
  EXPECT_EQ(objective.predict(), Prediction::clean);
  EXPECT_EQ(objective.noise_keys().ema, 0.999);
  EXPECT_EQ(objective.path().parametrisation, Parametrisation::flow);
  const PretrainConfig pixel = config_of(toy_run({{"space", "pixel"}, {"predict", "noise"}}));
  EXPECT_EQ(objective_of(pixel).keys().predictor.outputs, 384);
  EXPECT_EQ(objective_of(pixel).predict(), Prediction::noise);
}

TEST(DiffMaeKeys, AreRefusedWhereTheyAreWrong) {
  EXPECT_TRUE(contains(refusal(toy_run({{"predict", "pixels"}})),
                       "a.json:/denoise: predict: expected one of clean, noise, found \"pixels\""));
  EXPECT_TRUE(contains(refusal(toy_run({{"componentz", 3}})), "nearest valid key: \"components\""));
  EXPECT_TRUE(
      contains(refusal(toy_run({{"predicts", "clean"}})), "nearest valid key: \"predict\""));
  EXPECT_TRUE(contains(refusal(toy_run({{"parametrisation", "eps"}, {"time_scale", 10}})),
                       "time_scale: expected no such key with parametrisation \"eps\""));
  EXPECT_TRUE(contains(refusal(toy_run(Json::object(), {{"predictor", {{"widht", 8}}}})),
                       "nearest valid key: \"width\""));
  EXPECT_TRUE(contains(refusal(toy_run({{"components", 385}})), "components: expected "));
}

TEST(DiffMaeKeys, OfOthersAreRefusedByName) {
  for (const auto& [key, value] : {std::pair<const char*, Json>{"momentum", {{"start", 0.9}}},
                                   {"target", {{"components", 8}}},
                                   {"loss_exponent", 1.0}})
    EXPECT_TRUE(contains(refusal(toy_run(Json::object(), {{key, value}})),
                         std::string(key) + ": expected no such key with objective \"diff_mae\""))
        << key;
  Json whole = toy_run({{"predict", "clean"}}, {{"objective", "denoise"}});
  whole.erase("predictor");
  EXPECT_TRUE(contains(refusal(whole), "a.json:/denoise: expected a known key, found \"predict\""));
  whole["masking"] = "multiblock";
  EXPECT_TRUE(contains(refusal(whole), "masking: expected no such key with objective \"denoise\""));
  EXPECT_TRUE(contains(refusal(whole), "\"diff_mae\""));
}

}  // namespace diffusion_mae_test
}  // namespace permafrost
