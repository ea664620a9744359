// SPDX-License-Identifier: Apache-2.0
// Pretraining by denoising, from its configuration to its files.
#include "models/pretraining/objectives/noising/denoising.h"

#include <nlohmann/json.hpp>
#include <set>

#include "models/encoders/denoiser_file.h"
#include "models/pretraining/pretraining_stream.h"
#include "models/testing/parity_support.h"
#include "models/testing/toy_run.h"

namespace permafrost {
namespace denoising_test {

Json toy_run(const Json& denoise = Json::object(), const Json& changes = Json::object()) {
  return toy_noised_run("denoise", denoise, changes);
}

const Denoising& objective_of(const PretrainConfig& config) {
  return dynamic_cast<const Denoising&>(*config.objective);
}

// Tensors of a group of the checkpoint that a run leaves.
NamedTensors saved(const std::filesystem::path& out, const std::string& group) {
  NamedTensors found;
  for (const auto& [name, tensor] : read_safetensors(out / "checkpoint.safetensors").tensors)
    if (name.rfind(group + ".", 0) == 0)
      found.emplace_back(name.substr(group.size() + 1), tensor.clone());
  return found;
}

class Denoise : public testing::Test {
 protected:
  TestFolder folder_;
};

TEST_F(Denoise, PretrainsSavesAndGoesOn) {
  for (const Json& keys : {Json::object(), Json{{"space", "pixel"}, {"parametrisation", "eps"}}}) {
    const std::filesystem::path out = folder_ / keys.value("space", "pca");
    run_toy(toy_run(keys), out / "whole");
    EXPECT_FALSE(run_toy(toy_run(keys), out / "parts", 1, 3).finished);
    EXPECT_FALSE(std::filesystem::exists(out / "parts/denoiser.safetensors"));
    EXPECT_TRUE(run_toy(toy_run(keys), out / "parts").finished);
    run_toy(toy_run(keys), out / "threads", 3);
    for (const char* other : {"parts", "threads"}) {
      EXPECT_EQ(encoder_bytes(out / other), encoder_bytes(out / "whole")) << other;
      EXPECT_EQ(read_file(out / other / "denoiser.safetensors"),
                read_file(out / "whole/denoiser.safetensors"))
          << other;
      EXPECT_EQ(log_of(out / other), log_of(out / "whole")) << other;
    }
  }
}

// At the start the answer is 0: the loss is that of the target itself, 1 + s^2 of velocities with
// the mean square s^2 = 1 of measured coordinates, and 1 of noise.
TEST_F(Denoise, BeginsWithTheLossOfAnAnswerOfZero) {
  const Json longer{{"batch", 64}, {"steps", 1}};
  run_toy(toy_run(Json::object(), longer), folder_ / "flow");
  EXPECT_NEAR(log_of(folder_ / "flow")[0]["loss"].get<double>(), 2, 0.15);
  run_toy(toy_run({{"parametrisation", "eps"}}, longer), folder_ / "eps");
  EXPECT_NEAR(log_of(folder_ / "eps")[0]["loss"].get<double>(), 1, 0.05);
}

TEST_F(Denoise, LearnsToDenoise) {
  run_toy(toy_run({{"components", 12}}, learning_run(200)), folder_ / "run");
  EXPECT_LT(loss_left(folder_ / "run", 8), 0.85);
}

TEST_F(Denoise, LogsItsLossByNoiseBesideTheFloor) {
  run_toy(toy_run(Json::object(), {{"batch", 32}}), folder_ / "run");
  for (const Json& line : log_of(folder_ / "run")) {
    EXPECT_TRUE(line.contains("feature_rank") && line.contains("gradient_norm_denoiser")) << line;
    EXPECT_FALSE(line.contains("momentum") || line.contains("gradient_norm_ema") ||
                 line.contains("gradient_norm_space"))
        << line;
    double lowest = 1e9, highest = 0;
    for (const char* bin : {"00_25", "25_50", "50_75", "75_100"}) {
      const Json &loss = line.at(std::string("loss_noise_") + bin),
                 &floor = line.at(std::string("floor_noise_") + bin);
      EXPECT_EQ(loss.is_null(), floor.is_null()) << bin;
      if (loss.is_null()) continue;  // no clip of the batch had so much noise
      lowest = std::min(lowest, loss.get<double>());
      highest = std::max(highest, loss.get<double>());
      EXPECT_GT(floor, 0);
      // Nothing is learned yet: an answer of 0 is worse than the best without neighbours.
      const bool begins = line["step"] == 1;
      EXPECT_TRUE(!begins || loss > floor) << bin << line;
    }
    EXPECT_LE(lowest, line["loss"]);
    EXPECT_GE(highest, line["loss"]);
  }
}

TEST_F(Denoise, ComputesInBfloat16OnACopyOfItsWeightsAlone) {
  const Json two{{"steps", 2}};
  run_toy(toy_run(Json::object(), {{"steps", 2}, {"precision", "bfloat16"}}), folder_ / "half");
  run_toy(toy_run(Json::object(), two), folder_ / "full");
  const double half = log_of(folder_ / "half")[1]["loss"],
               full = log_of(folder_ / "full")[1]["loss"];
  EXPECT_NE(half, full);
  EXPECT_NEAR(half, full, 0.01 * full);
  const NamedTensors in_half = saved(folder_ / "half", "space"),
                     in_full = saved(folder_ / "full", "space");
  ASSERT_EQ(in_half.size(), 4U);
  for (std::size_t i = 0; i < in_half.size(); ++i)
    EXPECT_TRUE(in_half[i].second.equal(in_full[i].second)) << in_half[i].first;
}

// From the run's own first clips: those of its first steps.
TEST_F(Denoise, MeasuresItsSpaceOnItsFirstClips) {
  const Json json = toy_run();
  run_toy(json, folder_ / "run");
  const PretrainConfig config = read_pretrain_config(json, "a.json");
  const std::int64_t clips = config.steps * config.batch;  // fewer than it asks for
  EXPECT_GT(config.objective->clips_to_measure(), clips);
  const auto stream = pretraining_stream(config);
  std::vector<std::uint8_t> pixels;
  for (std::int64_t i = 0; i < clips; ++i) {
    const Sample sample = stream->read(i, 0, 1);
    pixels.insert(pixels.end(), sample.clip.pixels.begin(), sample.clip.pixels.end());
  }
  const at::Tensor patches =
      patchify(pixel_tensor(pixels.data(), clips, config.encoder.clip_shape()), config.encoder);
  PatchSpace expected = measured_space(SpaceKind::pca, 6, patches.flatten(0, 1), "test");
  NamedTensors tensors;
  visit(expected, [&](const std::string& name, at::Tensor& t) { tensors.emplace_back(name, t); });
  const NamedTensors found = saved(folder_ / "run", "space");
  ASSERT_EQ(found.size(), tensors.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].first, tensors[i].first);
    EXPECT_TRUE(found[i].second.equal(tensors[i].second)) << found[i].first;
  }
}

TEST_F(Denoise, LeavesItsSlowCopyWholeAndFolded) {
  run_toy(toy_run({{"ema", 0.5}}), folder_ / "run");
  const DenoiserReading reading = load_denoiser_file(folder_ / "run/denoiser.safetensors");
  EXPECT_EQ(reading.provenance.at("config"), toy_run({{"ema", 0.5}}));
  EXPECT_EQ(reading.denoiser.spec.outputs, 6);
  EXPECT_EQ(reading.denoiser.spec.time_scale, 1000);
  DenoiserWeights weights = reading.denoiser.weights;
  const NamedTensors found = named_tensors(weights), slow = saved(folder_ / "run", "ema"),
                     fast = saved(folder_ / "run", "denoiser");
  ASSERT_EQ(found.size(), slow.size());
  bool differ = false;
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].first, slow[i].first);
    EXPECT_TRUE(found[i].second.equal(slow[i].second.to(at::kBFloat16).to(at::kFloat)))
        << found[i].first;
    differ = differ || !slow[i].second.equal(fast[i].second);
  }
  EXPECT_TRUE(differ);
  // The encoder beside it is what anybody can make of that file.
  const Encoder exported = load_encoder_file(folder_ / "run/encoder.safetensors");
  EXPECT_EQ(exported.provenance.at("export"), "ema");
  EXPECT_EQ(exported.sha256, encoder_at(reading, {.tau = kExportedTau}, "test").sha256);
  EXPECT_NE(exported.sha256, encoder_at(reading, {.tau = 0.3}, "test").sha256);
}

TEST_F(Denoise, WithoutInertiaTheSlowCopyIsTheNetwork) {
  run_toy(toy_run({{"ema", 0}}), folder_ / "run");
  const NamedTensors slow = saved(folder_ / "run", "ema"),
                     fast = saved(folder_ / "run", "denoiser");
  ASSERT_GT(slow.size(), 10U);
  for (std::size_t i = 0; i < slow.size(); ++i)
    EXPECT_TRUE(slow[i].second.equal(fast[i].second)) << slow[i].first;
}

// ---- What is drawn

TEST(DenoiseDraws, AreOfStepAndClipAlone) {
  const PretrainConfig config = read_pretrain_config(toy_run(), "a.json");
  const PretrainConfig wider =
      read_pretrain_config(toy_run(Json::object(), {{"batch", 12}}), "a.json");
  const auto first = config.objective->draw(3), again = config.objective->draw(3),
             other = config.objective->draw(4), more = wider.objective->draw(3);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(first[i].equal(again[i]));
    EXPECT_FALSE(first[i].equal(other[i]));
    EXPECT_TRUE(first[i].equal(more[i].slice(0, 0, 8)));
  }
  EXPECT_EQ(first[0].sizes(), at::IntArrayRef({8, 4}));
  EXPECT_EQ(first[1].sizes(), at::IntArrayRef({8, 18, 6}));
  EXPECT_FALSE(first[1][0].equal(first[1][1]));
}

// Mean and median of tau, over 4000 clips.
struct Spread {
  double mean = 0, median = 0;
};

Spread spread_of(const Json& keys) {
  const PretrainConfig config =
      read_pretrain_config(toy_run(keys, {{"batch", 4000}, {"gradient_shards", 1}}), "a.json");
  const auto drawn = config.objective->draw(1);
  EXPECT_NEAR(drawn[1].mean().item<double>(), 0, 0.01);
  EXPECT_NEAR(drawn[1].square().mean().item<double>(), 1, 0.01);
  const at::Tensor tau = drawn[0].select(1, 0);
  EXPECT_GE(tau.min().item<double>(), 0);
  EXPECT_LE(tau.max().item<double>(), 1);
  return {tau.mean().item<double>(), tau.median().item<double>()};
}

TEST(DenoiseDraws, FollowTheSchedule) {
  const Spread uniform = spread_of({{"schedule", "uniform"}});
  EXPECT_NEAR(uniform.mean, 0.5, 0.015);
  const Spread low = spread_of({{"schedule", "low"}});
  EXPECT_NEAR(low.mean, 1.0 / 3, 0.015);
  EXPECT_NEAR(low.median, 0.25, 0.015);
  const Spread lognormal = spread_of({{"schedule", "lognormal"}});
  EXPECT_NEAR(lognormal.median, 0.5, 0.015);
  const Spread eps = spread_of({{"parametrisation", "eps"}});
  EXPECT_NEAR(eps.median, level_of_step(500).tau, 0.015);
}

TEST(DenoiseDraws, TellDdpmsNetworkWholeSteps) {
  for (const char* schedule : {"uniform", "lognormal", "low"}) {
    const PretrainConfig config = read_pretrain_config(
        toy_run({{"parametrisation", "eps"}, {"schedule", schedule}}), "a.json");
    const at::Tensor times = times_of(config.objective->draw(1)[0]);
    EXPECT_TRUE(times.equal(times.floor())) << schedule;
    EXPECT_GE(times.min().item<double>(), 0);
    EXPECT_LT(times.max().item<double>(), 1000);
  }
}

TEST(DenoiseFlops, OfAStepCountedByHand) {
  const PretrainConfig config = read_pretrain_config(toy_run(), "a.json");
  const StepFlops flops = config.objective->flops(config.objective->draw(1));
  // 18 tokens of width 16; one block; the condition once a clip; 384 values a patch.
  const double block = 2 * 18 * (12 * 16 * 16 + 2 * 18 * 16);
  const double condition = 2 * (256 * 16 + 16 * 16 + 8 * 16 * 16), last = 2 * 18 * 16 * 6;
  EXPECT_EQ(number_named(flops, "denoiser"),
            8 * (3 * (block + condition + last) + 2 * (2 * 18 * 384 * 16)));
  EXPECT_EQ(number_named(flops, "space"), 8 * 2 * (2 * 18 * 384 * 6));
  const PretrainConfig pixel = read_pretrain_config(toy_run({{"space", "pixel"}}), "a.json");
  EXPECT_TRUE(std::isnan(number_named(pixel.objective->flops(pixel.objective->draw(1)), "space")));
}

// ---- Keys

std::string refusal(const Json& json) {
  return input_error_of([&] { read_pretrain_config(json, "a.json"); });
}

TEST(DenoiseKeysOfAConfiguration, HaveDefaults) {
  Json json = toy_run();
  json.erase("denoise");
  const PretrainConfig config = read_pretrain_config(json, "a.json");
  const Denoising& objective = objective_of(config);
  EXPECT_EQ(objective.spec().outputs, 32);
  EXPECT_EQ(objective.spec().parametrisation, Parametrisation::flow);
  EXPECT_EQ(objective.keys().schedule, LevelSchedule::uniform);
  EXPECT_EQ(objective.keys().ema, 0.999);
  EXPECT_EQ(objective.spec().time_scale, 1000);
  const PretrainConfig pixel = read_pretrain_config(toy_run({{"space", "pixel"}}), "a.json");
  EXPECT_EQ(objective_of(pixel).spec().outputs, 384);
}

TEST(DenoiseKeysOfAConfiguration, AreRefusedWhereTheyAreWrong) {
  EXPECT_TRUE(contains(refusal(toy_run({{"parametrisation", "v"}})),
                       "a.json:/denoise: parametrisation: expected one of flow, eps, found \"v\""));
  EXPECT_TRUE(contains(refusal(toy_run({{"space", "latent"}})),
                       "space: expected one of pca, pixel, found \"latent\""));
  EXPECT_TRUE(contains(refusal(toy_run({{"schedule", "linear"}})),
                       "schedule: expected one of uniform, lognormal, low"));
  EXPECT_TRUE(contains(refusal(toy_run({{"components", 0}})), "components: expected "));
  const std::string many = refusal(toy_run({{"components", 385}}));
  EXPECT_TRUE(contains(many, "components: expected ") && contains(many, "384")) << many;
  EXPECT_TRUE(contains(refusal(toy_run({{"ema", 1.5}})), "ema: expected "));
  EXPECT_TRUE(contains(refusal(toy_run({{"component", 3}})), "nearest valid key: \"components\""));
  EXPECT_TRUE(contains(refusal(toy_run({{"scedule", "low"}})), "nearest valid key: \"schedule\""));
  Json pixel = toy_run({{"space", "pixel"}});
  pixel["denoise"]["components"] = 6;
  EXPECT_TRUE(contains(refusal(pixel), "components: expected no such key with space \"pixel\""));
  EXPECT_TRUE(contains(refusal(toy_run({{"parametrisation", "eps"}, {"time_scale", 10}})),
                       "time_scale: expected no such key with parametrisation \"eps\""));
  Json small = toy_run();
  small["denoise"].erase("components");
  small["encoder"].update({{"patch", 2}, {"tubelet", 1}});
  EXPECT_TRUE(contains(refusal(small), "components")) << "12 values a patch hold no 32";
}

TEST(DenoiseKeysOfAConfiguration, OfMaskingAreRefused) {
  EXPECT_EQ(refusal(toy_run(Json::object(), {{"masking", "multiblock"}})),
            "a.json: masking: expected no such key with objective \"denoise\", found one (it is a "
            "key of objective \"vjepa\", \"pixel_mae\", \"diff_mae\")");
  EXPECT_TRUE(contains(refusal(toy_run(Json::object(), {{"predictor", {{"width", 8}}}})),
                       "predictor: expected no such key with objective \"denoise\""));
  Json masked = toy_pretraining({{"denoise", {{"components", 6}}}});
  EXPECT_TRUE(contains(refusal(masked), "denoise: expected no such key with objective \"vjepa\""));
  Json scaled = toy_run();
  scaled["encoder"]["layer_scale"] = true;
  EXPECT_TRUE(contains(refusal(scaled), "a.json:/encoder: layer_scale: expected false"));
}

}  // namespace denoising_test
}  // namespace permafrost
