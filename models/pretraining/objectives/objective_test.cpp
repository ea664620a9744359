// SPDX-License-Identifier: Apache-2.0
// An objective that nothing else knows of, from its configuration to the encoder that is left.
#include "models/pretraining/objectives/objective.h"

#include <nlohmann/json.hpp>

#include "common/files/files.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/encoder.h"
#include "models/pretraining/pretrain.h"
#include "models/pretraining/pretraining_stream.h"
#include "models/testing/test_support.h"
#include "models/testing/toy_feed_forward.h"
#include "models/testing/toy_objective.h"
#include "models/testing/toy_run.h"

namespace permafrost {
namespace objective_test {

Json toy_run(const Json& changes = Json::object()) {
  Json json = toy_pretraining(
      {{"objective", "toy_noise"}, {"loudest", 2.0}, {"steps", 4}, {"gradient_shards", 4}});
  json.erase("predictor");
  json.update(changes);
  return json;
}

class AnotherObjective : public testing::Test {
 protected:
  TestFolder folder_;
};

TEST_F(AnotherObjective, PretrainsSavesAndGoesOn) {
  run_toy(toy_run(), folder_ / "whole");
  EXPECT_FALSE(run_toy(toy_run(), folder_ / "parts", 1, 3).finished);
  EXPECT_TRUE(run_toy(toy_run(), folder_ / "parts").finished);
  run_toy(toy_run(), folder_ / "threads", 3);
  for (const char* other : {"parts", "threads"}) {
    EXPECT_EQ(encoder_bytes(folder_ / other), encoder_bytes(folder_ / "whole")) << other;
    EXPECT_EQ(log_of(folder_ / other), log_of(folder_ / "whole")) << other;
  }
}

TEST_F(AnotherObjective, ItsTensorsAreSavedByName) {
  run_toy(toy_run(), folder_ / "run");
  const std::string path = (folder_ / "run/checkpoint.safetensors").string();
  const SafetensorsFile file = read_safetensors(path);
  for (const char* name : {"encoder.norm.weight", "ema.norm.weight", "head.noise.weight",
                           "optimizer.first.head.noise.bias", "optimizer.second.encoder.norm.bias"})
    EXPECT_TRUE(file.tensor(name, path).isfinite().all().item<bool>()) << name;
  EXPECT_THROW(file.tensor("optimizer.first.ema.norm.bias", path), InputError);
  const Encoder exported = load_encoder_file(folder_ / "run/encoder.safetensors");
  EXPECT_EQ(exported.provenance["export"], "ema");
  EXPECT_TRUE(exported.weights.norm.weight.equal(file.tensor("ema.norm.weight", path)));
  EXPECT_FALSE(exported.weights.norm.weight.equal(file.tensor("encoder.norm.weight", path)));
}

// Of 12 clips, more than a batch holds; float32 beside networks in bfloat16.
TEST_F(AnotherObjective, MeasuresItsFirstClips) {
  const auto deviation_of = [&](const Json& json, const std::string& name) {
    run_toy(json, folder_ / name);
    const std::string path = (folder_ / name / "checkpoint.safetensors").string();
    return read_safetensors(path).tensor("pixels.deviation", path).clone();
  };
  const at::Tensor measured = deviation_of(toy_run(), "run");
  const PretrainConfig config = read_pretrain_config(toy_run(), "toy.json");
  const auto stream = pretraining_stream(config);
  std::vector<std::uint8_t> pixels;
  for (std::int64_t i = 0; i < 12; ++i) {
    const Sample sample = stream->read(i, 0, 1);
    pixels.insert(pixels.end(), sample.clip.pixels.begin(), sample.clip.pixels.end());
  }
  const at::Tensor patches =
      patchify(pixel_tensor(pixels.data(), 12, config.encoder.clip_shape()), config.encoder);
  EXPECT_NEAR(measured.item<double>(), patches.std().item<double>(), 1e-6);
  EXPECT_TRUE(deviation_of(toy_run({{"precision", "bfloat16"}}), "half").equal(measured));
  // A shorter run has fewer.
  const at::Tensor fewer = deviation_of(toy_run({{"steps", 1}}), "short");
  EXPECT_NEAR(fewer.item<double>(), patches.slice(0, 0, 8).std().item<double>(), 1e-6);
}

TEST_F(AnotherObjective, LeavesAFileOfItsOwn) {
  run_toy(toy_run(), folder_ / "run", 1, 3);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/head.safetensors"));
  run_toy(toy_run(), folder_ / "run");
  const std::string path = (folder_ / "run/checkpoint.safetensors").string();
  const SafetensorsFile head = read_safetensors(folder_ / "run/head.safetensors");
  EXPECT_TRUE(head.tensor("noise.weight", "head")
                  .equal(read_safetensors(path).tensor("head.noise.weight", path)));
  EXPECT_EQ(Json::parse(head.metadata.at("provenance"))["config"], toy_run());
}

TEST_F(AnotherObjective, ItsFiguresAreLogged) {
  run_toy(toy_run(), folder_ / "run");
  for (const Json& line : log_of(folder_ / "run")) {
    EXPECT_TRUE(line.contains("feature_rank") && line.contains("gradient_norm_head")) << line;
    EXPECT_FALSE(line.contains("momentum") || line.contains("gradient_norm_ema")) << line;
    // Parts of the loss, whose mean is weighed by clips: between the two is the loss.
    const double quiet = line["loss_quiet"], loud = line["loss_loud"], loss = line["loss"];
    EXPECT_LT(std::min(quiet, loud), loss);
    EXPECT_GT(std::max(quiet, loud), loss);
  }
}

TEST_F(AnotherObjective, ComputesInBfloat16OnACopyOfItsWeights) {
  run_toy(toy_run({{"steps", 2}, {"precision", "bfloat16"}}), folder_ / "half");
  run_toy(toy_run({{"steps", 2}}), folder_ / "full");
  for (const auto& [name, tensor] :
       read_safetensors(folder_ / "half/checkpoint.safetensors").tensors)
    EXPECT_EQ(tensor.dtype(), at::kFloat) << name;
  const double half = log_of(folder_ / "half")[1]["loss"],
               full = log_of(folder_ / "full")[1]["loss"];
  EXPECT_NE(half, full);
  EXPECT_NEAR(half, full, 0.01 * full);
}

// Extra losses of blocks, as routed experts have them, are minimised and logged with every
// objective.
TEST_F(AnotherObjective, AddsWhatBlocksWantAdded) {
  for (const char* objective : {"toy_noise", "vjepa", "pixel_mae"}) {
    const std::filesystem::path out = folder_ / objective;
    Json json = toy_pretraining({{"objective", objective}, {"steps", 2}});
    if (objective == std::string("toy_noise")) json.erase("predictor");
    run_toy(json, out / "usual");
    json["encoder"]["ffn"] = "toy_small";
    run_toy(json, out / "small");
    const Json usual = log_of(out / "usual")[0], small = log_of(out / "small")[0];
    // Two masks of an encoder of one block, or one pass: their sum is added, their mean is logged.
    const double times = objective == std::string("toy_noise") ? 1 : 2;
    EXPECT_NEAR(small["loss"].get<double>(),
                usual["loss"].get<double>() + times * small["toy_size"].get<double>(), 1e-5);
    EXPECT_GT(small["toy_size"], 0);
    EXPECT_GT(small["toy_above"], 0);
    EXPECT_FALSE(usual.contains("toy_size"));
    EXPECT_NE(small["gradient_norm_encoder"], usual["gradient_norm_encoder"]);
  }
}

TEST(ObjectiveKeys, AreTheChosenObjectivesAlone) {
  const auto refusal = [](const Json& json) {
    return input_error_of([&] { read_pretrain_config(json, "a.json"); });
  };
  EXPECT_EQ(
      refusal(toy_run({{"masking", "multiblock"}})),
      "a.json: masking: expected no such key with objective \"toy_noise\", found one (it is a "
      "key of objective \"vjepa\", \"pixel_mae\", \"diff_mae\")");
  EXPECT_TRUE(contains(refusal(toy_pretraining({{"loudest", 2}})),
                       "loudest: expected no such key with objective \"vjepa\""));
  EXPECT_TRUE(contains(refusal(toy_run({{"loudset", 2}})), "nearest valid key: \"loudest\""));
  EXPECT_TRUE(contains(refusal(toy_run({{"loudest", 11}})), "loudest: expected a number"));
  EXPECT_TRUE(contains(
      refusal(toy_run({{"objective", "toy"}})),
      "objective: expected one of vjepa, pixel_mae, denoise, diff_mae, toy_noise, found \"toy\""));
}

TEST(ObjectiveKeys, ANameIsTakenOnce) {
  EXPECT_THROW(register_objective(toy::noise_prediction()), Error);
  EXPECT_EQ(objective_kinds().size(), 5U);
}

}  // namespace objective_test
}  // namespace permafrost
