// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/pretrain.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "common/files/files.h"
#include "datasets/synthetic/source.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/encoder.h"
#include "models/pretraining/objectives/feature_prediction.h"
#include "models/pretraining/objectives/pixel_prediction.h"
#include "models/testing/test_support.h"
#include "models/testing/toy_pretraining.h"
#include "models/training/gradient_shards.h"

namespace permafrost {
namespace pretrain_test {

Json tiny(const Json& changes = Json::object()) { return toy_pretraining(changes); }

struct Options {
  int threads = 1;
  std::int64_t stop_after = 0;
  bool bfloat16 = false;
};

PretrainResult run(const Json& json, const std::filesystem::path& out,
                   const Options& options = {}) {
  return pretrain(read_pretrain_config(json, "tiny.json"), json,
                  {.out = out,
                   .execution = {.threads = options.threads, .quiet = true},
                   .bfloat16 = options.bfloat16,
                   .stop_after = options.stop_after});
}

NamedTensors with_prefix(const SafetensorsFile& file, const std::string& prefix) {
  NamedTensors out;
  for (const auto& [name, tensor] : file.tensors)
    if (name.rfind(prefix, 0) == 0) out.emplace_back(name.substr(prefix.size()), tensor);
  return out;
}

class Pretrain : public testing::Test {
 protected:
  TestFolder folder_;
};

TEST_F(Pretrain, LeavesAnEncoderALogAndItsConfiguration) {
  const PretrainResult result = run(tiny(), folder_ / "run");
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.steps, 6);
  EXPECT_TRUE(std::isfinite(result.last.loss));
  const Encoder encoder = load_encoder_file(folder_ / "run/encoder.safetensors");
  EXPECT_EQ(encoder.provenance["export"], "target_encoder");
  EXPECT_EQ(encoder.provenance["clips"], 48);
  EXPECT_EQ(encoder.provenance["config"], tiny());
  EXPECT_EQ(read_json((folder_ / "run/config.json").string()), tiny());
  const auto log = log_of(folder_ / "run");
  ASSERT_EQ(log.size(), 6U);
  EXPECT_EQ(log[5]["step"], 6);
  EXPECT_EQ(log[5]["loss"], result.last.loss);
  EXPECT_GT(log[5]["feature_deviation"], 0);
  EXPECT_GT(log[5]["feature_rank"], 1);
}

TEST_F(Pretrain, CurvesForTensorBoardSayWhatTheLogSays) {
  const Json json = tiny();
  pretrain(
      read_pretrain_config(json, "tiny.json"), json,
      {.out = folder_ / "run", .execution = {.quiet = true}, .tensorboard = folder_ / "curves"});
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder_ / "curves"))
    files.push_back(file.path());
  ASSERT_EQ(files.size(), 1U);
  // The messages of event_file_test.cpp, one a line of the log behind the version.
  const std::string bytes = read_file(files[0]);
  std::size_t place = 0;
  std::vector<std::string> messages;
  while (place < bytes.size()) {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data() + place, sizeof length);
    messages.push_back(bytes.substr(place + 12, length));
    place += 16 + length;
  }
  const auto log = log_of(folder_ / "run");
  ASSERT_EQ(messages.size(), log.size() + 1);
  const auto loss = static_cast<float>(log.back()["loss"].get<double>());
  const std::string value = "loss" + std::string("\x15", 1) +
                            std::string(reinterpret_cast<const char*>(&loss), sizeof loss);
  EXPECT_NE(messages.back().find(value), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/curves"));
}

TEST_F(Pretrain, InterruptedRunIsTheUninterruptedOne) {
  const Json json = tiny({{"learning_rate", {{"start", 1e-3}, {"peak", 3e-3}, {"warmup", 4}}}});
  run(json, folder_ / "whole");
  for (const std::int64_t stop : {3, 4}) {
    const auto out = folder_ / ("parts" + std::to_string(stop));
    const PretrainResult part = run(json, out, {.stop_after = stop});
    EXPECT_FALSE(part.finished);
    EXPECT_EQ(part.steps, stop);
    EXPECT_FALSE(std::filesystem::exists(out / "encoder.safetensors"));
    const PretrainResult rest = run(json, out);
    EXPECT_TRUE(rest.finished);
    EXPECT_EQ(encoder_bytes(out), encoder_bytes(folder_ / "whole"));
    EXPECT_EQ(log_of(out), log_of(folder_ / "whole"));
  }
}

TEST_F(Pretrain, FinishedRunDoesNothingMore) {
  run(tiny(), folder_ / "run");
  const std::string before = encoder_bytes(folder_ / "run");
  const PretrainResult again = run(tiny(), folder_ / "run");
  EXPECT_TRUE(again.finished);
  EXPECT_EQ(again.steps, 6);
  EXPECT_EQ(encoder_bytes(folder_ / "run"), before);
}

TEST_F(Pretrain, ThreadsDoNotChangeTheWeights) {
  for (const char* objective : {"vjepa", "pixel_mae"}) {
    const Json json = tiny({{"objective", objective}, {"steps", 3}, {"gradient_shards", 4}});
    run(json, folder_ / "one");
    run(json, folder_ / "three", {.threads = 3});
    EXPECT_EQ(encoder_bytes(folder_ / "one"), encoder_bytes(folder_ / "three")) << objective;
    EXPECT_EQ(log_of(folder_ / "one"), log_of(folder_ / "three")) << objective;
    std::filesystem::remove_all(folder_ / "one");
    std::filesystem::remove_all(folder_ / "three");
  }
}

// The mean of some blocks, a few components of pixels: neither threads nor a stop change a byte.
TEST_F(Pretrain, OtherTargetsLearnAndGoOn) {
  const auto with = [](const char* objective, const Json& target) {
    Json json =
        tiny({{"objective", objective}, {"target", target}, {"steps", 4}, {"gradient_shards", 2}});
    json["encoder"]["depth"] = 3;
    return json;
  };
  for (const auto& json :
       {with("vjepa", {{"blocks", 2}}), with("vjepa", {{"normalisation", "instance"}}),
        with("pixel_mae", {{"components", 5}})}) {
    const auto place =
        folder_ / (json["objective"].get<std::string>() + json["target"].begin().key());
    run(json, place / "whole");
    run(json, place / "parts", {.threads = 2, .stop_after = 2});
    run(json, place / "parts", {.threads = 2});
    EXPECT_EQ(encoder_bytes(place / "whole"), encoder_bytes(place / "parts")) << json;
    EXPECT_EQ(log_of(place / "whole"), log_of(place / "parts")) << json;
    Json usual = json;
    usual.erase("target");
    run(usual, place / "usual");
    EXPECT_NE(encoder_bytes(place / "whole"), encoder_bytes(place / "usual")) << json;
  }
  const std::string path = (folder_ / "pixel_maecomponents/whole/checkpoint.safetensors").string();
  const SafetensorsFile file = read_safetensors(path);
  const at::Tensor rows = file.tensor("space.components", path);
  EXPECT_EQ(rows.size(0), 5);
  EXPECT_LT((at::mm(rows, rows.t()) - at::eye(5)).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(file.tensor("predictor.predictor_proj.weight", path).size(0), 5);
}

TEST_F(Pretrain, RefusesAFolderOfAnotherRun) {
  run(tiny(), folder_ / "run");
  const auto refused = [&](const Json& json, const std::string& part) {
    const std::string text = input_error_of([&] { run(json, folder_ / "run"); });
    EXPECT_TRUE(contains(text, "checkpoint.safetensors") && contains(text, part)) << text;
  };
  refused(tiny({{"seed", 2}}), "/seed: expected no such key, found 2");
  refused(tiny({{"batch", 16}}), "/batch: expected 8, found 16");
  Json deep = tiny();
  deep["encoder"]["depth"] = 2;
  refused(deep, "/encoder/depth: expected 1, found 2");
  EXPECT_EQ(read_json((folder_ / "run/config.json").string()), tiny());
}

// As a run is stopped between two checkpoints: the log is ahead of the weights.
TEST_F(Pretrain, TheLogGoesOnWhereTheCheckpointIs) {
  run(tiny(), folder_ / "whole");
  const auto out = folder_ / "run";
  run(tiny(), out, {.stop_after = 5});
  EXPECT_EQ(log_of(out).size(), 5U);  // the checkpoint is of step 3
  const SafetensorsFile file = read_safetensors(out / "checkpoint.safetensors");
  EXPECT_EQ(file.metadata.at("step"), "3");
  EXPECT_FALSE(file.metadata.contains("log"));  // else it would be written again and again
  run(tiny(), out);
  EXPECT_EQ(log_of(out), log_of(folder_ / "whole"));
  EXPECT_EQ(encoder_bytes(out), encoder_bytes(folder_ / "whole"));
}

TEST_F(Pretrain, RefusesALogOfAnotherRun) {
  run(tiny(), folder_ / "run", {.stop_after = 4});
  const auto path = folder_ / "run/log.jsonl";
  write_file_atomically(path, "{}\n");
  const std::string text = input_error_of([&] { run(tiny(), folder_ / "run"); });
  EXPECT_TRUE(contains(text, path.string()) && contains(text, "3 bytes")) << text;
  EXPECT_EQ(read_file(path), "{}\n");
  std::filesystem::remove(path);
  EXPECT_TRUE(run(tiny(), folder_ / "run").finished);
  EXPECT_EQ(log_of(folder_ / "run").front()["step"], 4);
}

// Checkpoints held the log in their header at first.
TEST_F(Pretrain, GoesOnFromCheckpointsOfTheFirstForm) {
  run(tiny(), folder_ / "whole");
  const auto out = folder_ / "run";
  run(tiny(), out, {.stop_after = 3});
  SafetensorsFile file = read_safetensors(out / "checkpoint.safetensors");
  write_safetensors(out / "checkpoint.safetensors", file.tensors,
                    {{"format", "permafrost.checkpoint.1"},
                     {"step", file.metadata.at("step")},
                     {"config", file.metadata.at("config")},
                     {"log", read_file(out / "log.jsonl")}});
  write_file_atomically(out / "log.jsonl", "older than the checkpoint");
  EXPECT_TRUE(run(tiny(), out).finished);
  EXPECT_EQ(log_of(out), log_of(folder_ / "whole"));
  EXPECT_EQ(encoder_bytes(out), encoder_bytes(folder_ / "whole"));
  EXPECT_TRUE(read_safetensors(out / "checkpoint.safetensors").metadata.contains("log_sha256"));
}

TEST_F(Pretrain, RefusesADamagedCheckpoint) {
  run(tiny(), folder_ / "run", {.stop_after = 3});
  const auto path = folder_ / "run/checkpoint.safetensors";
  const std::string bytes = read_file(path);
  write_file_atomically(path, bytes.substr(0, bytes.size() - 100));
  EXPECT_TRUE(contains(input_error_of([&] { run(tiny(), folder_ / "run"); }), path.string()));
}

// The weights before the first step, and the batch that it sees.
struct FirstStep {
  PretrainConfig config;
  VitWeights encoder;
  PredictorWeights predictor;
  at::Tensor patches;
  std::vector<Mask> masks;

  explicit FirstStep(const Json& json) : config(read_pretrain_config(json, "tiny.json")) {
    encoder = make_vit(config.encoder, config.init, config.seed);
    predictor =
        make_predictor(keys().predictor, config.encoder,
                       static_cast<int>(keys().masking.masks.size()), config.init, config.seed);
    const synthetic::MixtureSource stream(config.batch, config.encoder.clip_shape());
    std::vector<at::Tensor> clips;
    std::vector<Sample> samples;
    for (int i = 0; i < config.batch; ++i) samples.push_back(stream.read(i, 0, 1));
    for (auto& sample : samples)
      clips.push_back(pixel_tensor(sample.clip.pixels.data(), 1, sample.clip.shape));
    patches = patchify(at::cat(clips), config.encoder);
    masks = draw_masks(keys().masking, {2, 3, 3}, config.batch, config.seed, 1);
  }

  const MaskedKeys& keys() const { return masked_prediction_of(*config.objective)->keys(); }

  // Loss and gradients of the whole batch at once.
  ShardedGradients gradients() const {
    const at::Tensor targets = config.objective->name() == "vjepa"
                                   ? normalised_features(encode(encoder, config.encoder, patches))
                                   : normalised_pixels(patches);
    return sharded_gradients(1, 1, [&](int) {
      VitWeights e = alias_of(encoder, true);
      PredictorWeights p = alias_of(predictor, true);
      ShardResult result;
      result.loss = prediction_loss({e, config.encoder, p, keys().predictor}, patches, targets,
                                    masks, keys().loss_exponent);
      for (const auto& [name, tensor] : named_tensors(e)) result.leaves.push_back(tensor);
      for (const auto& [name, tensor] : named_tensors(p)) result.leaves.push_back(tensor);
      return result;
    });
  }
};

TEST_F(Pretrain, FirstStepIsAdamWOnTheLossOfTheWholeBatch) {
  for (const char* objective : {"vjepa", "pixel_mae"}) {
    const Json json = tiny({{"objective", objective}, {"steps", 1}});
    FirstStep first(json);
    const ShardedGradients expected = first.gradients();
    run(json, folder_ / objective);
    EXPECT_NEAR(log_of(folder_ / objective)[0]["loss"], expected.loss.item<double>(), 1e-6);
    const SafetensorsFile file = read_safetensors(folder_ / objective / "checkpoint.safetensors");
    NamedTensors before = named_tensors(first.encoder), after = with_prefix(file, "encoder.");
    const NamedTensors predictor = named_tensors(first.predictor);
    const NamedTensors predictor_after = with_prefix(file, "predictor.");
    before.insert(before.end(), predictor.begin(), predictor.end());
    after.insert(after.end(), predictor_after.begin(), predictor_after.end());
    ASSERT_EQ(before.size(), after.size());
    const double rate = first.config.learning_rate.at(1), decay = first.config.weight_decay.at(1);
    for (std::size_t i = 0; i < before.size(); ++i) {
      const auto& [name, start] = before[i];
      EXPECT_EQ(name, after[i].first);
      const at::Tensor g = expected.gradients[i];
      // Adam's first step is the sign of the gradient where that is not tiny.
      const bool plain = start.dim() == 1;
      const at::Tensor value =
          start * (plain ? 1.0 : 1 - rate * decay) - rate * g / (g.abs() + 1e-8);
      const at::Tensor sure = (g.abs() > 1e-5).logical_or(g == 0);
      EXPECT_LT(largest_difference(value.masked_select(sure), after[i].second.masked_select(sure)),
                1e-5)
          << name;
    }
  }
}

TEST_F(Pretrain, TargetFollowsTheEncoder) {
  const Json json = tiny({{"steps", 1}, {"momentum", {{"start", 0.75}, {"final", 1.0}}}});
  FirstStep first(json);
  run(json, folder_ / "run");
  const SafetensorsFile file = read_safetensors(folder_ / "run/checkpoint.safetensors");
  const auto start = named_tensors(first.encoder), encoder = with_prefix(file, "encoder."),
             target = with_prefix(file, "target_encoder.");
  ASSERT_EQ(target.size(), start.size());
  for (std::size_t i = 0; i < start.size(); ++i) {
    EXPECT_TRUE(target[i].second.equal(start[i].second.mul(0.75).add(encoder[i].second, 0.25)))
        << start[i].first;
    EXPECT_EQ(start[i].first, target[i].first);
  }
  const Encoder exported = load_encoder_file(folder_ / "run/encoder.safetensors");
  EXPECT_TRUE(exported.weights.norm.bias.equal(file.tensor("target_encoder.norm.bias", "")));
}

TEST_F(Pretrain, PixelsExportTheEncoderItself) {
  run(tiny({{"steps", 2}, {"objective", "pixel_mae"}}), folder_ / "run");
  const SafetensorsFile file = read_safetensors(folder_ / "run/checkpoint.safetensors");
  const Encoder exported = load_encoder_file(folder_ / "run/encoder.safetensors");
  EXPECT_EQ(exported.provenance["export"], "encoder");
  EXPECT_TRUE(exported.weights.patch_embed.weight.equal(
      file.tensor("encoder.patch_embed.proj.weight", "")));
}

TEST_F(Pretrain, RunsWithEveryObjectiveAndMasking) {
  int number = 0;
  for (const char* objective : {"vjepa", "pixel_mae"})
    for (const char* masking : {"multiblock", "random_tube(0.7)", "causal_multiblock(8)"}) {
      const Json json =
          tiny({{"objective", objective}, {"masking", masking}, {"steps", 2}, {"clip_grad", 1.0}});
      const PretrainResult result = run(json, folder_ / std::to_string(number++));
      EXPECT_TRUE(result.finished && std::isfinite(result.last.loss))
          << objective << " " << masking;
    }
}

TEST_F(Pretrain, LearnsToPredict) {
  for (const char* objective : {"vjepa", "pixel_mae"}) {
    run(tiny({{"objective", objective},
              {"steps", 30},
              {"learning_rate", {{"peak", 1e-2}}},
              {"checkpoint_every", 30}}),
        folder_ / objective, {.threads = 2});
    const auto log = log_of(folder_ / objective);
    double early = 0, late = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      early += log[i]["loss"].get<double>() / 6;
      late += log[log.size() - 6 + i]["loss"].get<double>() / 6;
    }
    EXPECT_LT(late, (objective == std::string("vjepa") ? 0.9 : 0.99) * early) << objective;
  }
}

TEST_F(Pretrain, ExportIsBfloat16UnlessAskedOtherwise) {
  run(tiny({{"steps", 1}}), folder_ / "half", {.bfloat16 = true});
  const SafetensorsFile file = read_safetensors(folder_ / "half/encoder.safetensors");
  for (const auto& [name, tensor] : file.tensors) EXPECT_EQ(tensor.dtype(), at::kBFloat16) << name;
}

TEST_F(Pretrain, Bfloat16ArithmeticLeavesFloat32Weights) {
  for (const char* objective : {"vjepa", "pixel_mae"}) {
    const auto exact = folder_ / (objective + std::string("32")),
               mixed = folder_ / (objective + std::string("16"));
    run(tiny({{"objective", objective}, {"steps", 2}}), exact);
    run(tiny({{"objective", objective}, {"steps", 2}, {"precision", "bfloat16"}}), mixed);
    for (const auto& [name, tensor] : read_safetensors(mixed / "checkpoint.safetensors").tensors)
      EXPECT_EQ(tensor.dtype(), at::kFloat) << name;
    const double a = log_of(exact)[0]["loss"], b = log_of(mixed)[0]["loss"];
    EXPECT_NEAR(b, a, 0.01 * a);  // 8 bits of fraction
    EXPECT_NE(a, b);
  }
}

TEST_F(Pretrain, RepeatedClipsAreTheFirstOnesOfTheStream) {
  // 48 clips of a run: the same as without repeats until they come again.
  run(tiny({{"distinct_clips", 24}}), folder_ / "repeated");
  run(tiny(), folder_ / "new");
  const auto repeated = log_of(folder_ / "repeated"), fresh = log_of(folder_ / "new");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(repeated[i], fresh[i]) << i;
  EXPECT_NE(repeated[3]["loss"], fresh[3]["loss"]);
}

}  // namespace pretrain_test
}  // namespace permafrost
