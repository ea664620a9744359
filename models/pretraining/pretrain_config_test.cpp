// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/pretrain_config.h"

#include <nlohmann/json.hpp>

#include "models/pretraining/objectives/feature_prediction.h"
#include "models/pretraining/pretraining_stream.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace pretrain_config_test {

Json valid() {
  return {{"name", "tiny"},
          {"comment", "anything"},
          {"encoder", {{"width", 16}, {"depth", 1}, {"heads", 2}}},
          {"predictor", {{"width", 12}, {"depth", 1}, {"heads", 2}}},
          {"objective", "vjepa"},
          {"batch", 8},
          {"steps", 100},
          {"gradient_shards", 2},
          {"learning_rate", {{"peak", 1e-3}, {"warmup", 10}}}};
}

const MaskedKeys& masked(const PretrainConfig& config) {
  return masked_prediction_of(*config.objective)->keys();
}

TEST(PretrainConfig, ReadsValuesAndDefaults) {
  const PretrainConfig config = read_pretrain_config(valid(), "dir/a.json");
  EXPECT_EQ(config.name, "tiny");
  EXPECT_EQ(config.objective->name(), "vjepa");
  EXPECT_EQ(masked(config).masking.masks.size(), 2U);
  EXPECT_EQ(masked(config).loss_exponent, 1.0);
  EXPECT_EQ(masked(config).predictor.outputs, 16);
  EXPECT_EQ(config.learning_rate.length, 125);
  EXPECT_EQ(config.weight_decay.length, 125);
  const auto& features = dynamic_cast<const FeaturePrediction&>(*config.objective);
  EXPECT_EQ(features.own_keys().momentum.length, 125);
  EXPECT_EQ(config.learning_rate.warmup, 10);
  EXPECT_EQ(config.learning_rate.start, 2e-4);
}

TEST(PretrainConfig, LearnsFromTheVersionOfTheWorldThatItNames) {
  Json json = valid();
  const PretrainConfig first = read_pretrain_config(json, "a.json");
  EXPECT_EQ(first.world_version, 1);
  json["world_version"] = 2;
  const PretrainConfig second = read_pretrain_config(json, "a.json");
  EXPECT_EQ(second.world_version, 2);
  const auto old_world = pretraining_stream(first), new_world = pretraining_stream(second);
  EXPECT_NE(new_world->identity(), old_world->identity());
  EXPECT_NE(new_world->read(1, 0, 1).clip.pixels, old_world->read(1, 0, 1).clip.pixels);
}

TEST(PretrainConfig, PixelsHaveTheirOwnOutputsAndLoss) {
  Json json = valid();
  json["objective"] = "pixel_mae";
  json.erase("name");
  json.erase("predictor");
  json.erase("learning_rate");
  const PretrainConfig config = read_pretrain_config(json, "dir/a.json");
  EXPECT_EQ(config.name, "a");
  EXPECT_EQ(masked(config).predictor.outputs, 3 * 2 * 8 * 8);
  EXPECT_EQ(masked(config).loss_exponent, 2.0);
}

TEST(PretrainConfig, RefusesKeysOfOtherObjectives) {
  Json json = valid();
  json["objective"] = "pixel_mae";
  json["momentum"] = {{"start", 0.9}};
  EXPECT_EQ(
      input_error_of([&] { read_pretrain_config(json, "a.json"); }),
      "a.json: momentum: expected no such key with objective \"pixel_mae\", found one (it is a "
      "key of objective \"vjepa\")");
}

TEST(PretrainConfig, MustNameItsObjective) {
  Json json = valid();
  json.erase("objective");
  EXPECT_EQ(input_error_of([&] { read_pretrain_config(json, "a.json"); }),
            "a.json: objective: expected a value, found no such key");
}

TEST(PretrainConfig, FindsManifestsBesideTheFile) {
  Json json = valid();
  json["real_clips"] = {{"manifest", "clips.csv"}, {"share", 0.25}};
  EXPECT_EQ(read_pretrain_config(json, "dir/a.json").real_manifest, "dir/clips.csv");
  json["real_clips"]["manifest"] = "/else/clips.csv";
  EXPECT_EQ(read_pretrain_config(json, "dir/a.json").real_manifest, "/else/clips.csv");
}

TEST(PretrainConfig, FindsListsInTheFolderOfData) {
  Json json = valid();
  json["real_clips"] = {{"manifest", "clips.csv"}, {"missing_files", "count"}};
  const PretrainConfig config = read_pretrain_config(json, "dir/a.json", "data");
  EXPECT_EQ(config.real_manifest, "data/clips.csv");
  EXPECT_TRUE(config.real_missing_counted);
  json["real_clips"] = {{"lists", {{{"manifest", "k400.csv"}, {"root", "k400"}}}}};
  EXPECT_EQ(read_pretrain_config(json, "dir/a.json", "data").real_lists[0].list.root, "data/k400");
  EXPECT_FALSE(read_pretrain_config(json, "dir/a.json").real_missing_counted);
  json["real_clips"]["missing_files"] = "skip";
  EXPECT_NE(input_error_of([&] { read_pretrain_config(json, "dir/a.json"); }).find("missing_files"),
            std::string::npos);
}

TEST(PretrainConfig, JoinsListsByWeights) {
  Json json = valid();
  json["real_clips"] = {{"lists",
                         {{{"manifest", "k400.csv"}, {"weight", 0.335}, {"root", "k400"}},
                          {{"manifest", "/s/ssv2"}}}}};
  const PretrainConfig config = read_pretrain_config(json, "dir/a.json");
  ASSERT_EQ(config.real_lists.size(), 2U);
  EXPECT_EQ(config.real_lists[0].list.manifest, "dir/k400.csv");
  EXPECT_EQ(config.real_lists[0].list.root, "dir/k400");
  EXPECT_EQ(config.real_lists[0].weight, 0.335);
  EXPECT_EQ(config.real_lists[1].list.manifest, "/s/ssv2");
  EXPECT_EQ(config.real_lists[1].weight, 1);
  const auto refused = [&](const Json& lists) {
    json["real_clips"]["lists"] = lists;
    return input_error_of([&] { read_pretrain_config(json, "dir/a.json"); });
  };
  EXPECT_NE(refused({{{"manifest", "a"}, {"weight", 0}}}).find("/real_clips/lists/0: weight"),
            std::string::npos);
  EXPECT_NE(refused({{{"manifest", "a"}, {"wieght", 1}}}), "");
  EXPECT_NE(refused(Json::array()), "");
  EXPECT_NE(refused({"a.csv"}), "");
}

TEST(PretrainConfig, ThePredictorMayHaveALearningRateOfItsOwn) {
  Json json = valid();
  EXPECT_EQ(masked(read_pretrain_config(json, "a.json")).predictor_rate_scale, 1);
  json["predictor"]["learning_rate_scale"] = 4;
  EXPECT_EQ(masked(read_pretrain_config(json, "a.json")).predictor_rate_scale, 4);
}

TEST(PretrainConfig, TakesMasksThatHaveNoName) {
  Json json = valid();
  json["masking"] = {{{"num_blocks", 2}, {"max_keep", 9}}};
  const PretrainConfig config = read_pretrain_config(json, "a.json");
  ASSERT_EQ(masked(config).masking.masks.size(), 1U);
  EXPECT_EQ(masked(config).masking.masks[0].max_keep, 9);
}

TEST(PretrainConfig, NamesFileAndKeyOfWhatIsWrong) {
  const auto expect_text = [](const char* pointer, const Json& value, const std::string& part) {
    Json json = valid();
    json[Json::json_pointer(pointer)] = value;
    const std::string text = input_error_of([&] { read_pretrain_config(json, "a.json"); });
    EXPECT_TRUE(contains(text, "a.json") && contains(text, part)) << text;
  };
  expect_text("/batch", 9, "batch: expected a multiple of gradient_shards (2), found 9");
  expect_text("/learning_rate/warmup", 125,
              "learning_rate.warmup: expected fewer steps than the "
              "schedule's 125, found 125");
  expect_text("/objective", "clip",
              "objective: expected one of vjepa, pixel_mae, denoise, diff_mae, found \"clip\"");
  expect_text("/masking", "blocks", "masking: expected multiblock");
  expect_text("/masking", {{{"num_block", 2}}}, "nearest valid key: \"num_blocks\"");
  expect_text("/stesp", 5, "\"stesp\" (nearest valid key: \"steps\")");
  expect_text("/encoder/widht", 5, "nearest valid key: \"width\"");
  expect_text("/predictor/widht", 5, "nearest valid key: \"width\"");
  expect_text("/predictor/learning_rate_scale", 0,
              "a.json:/predictor: learning_rate_scale: expected a number");
  expect_text("/learning_rate/paek", 5, "nearest valid key: \"peak\"");
  expect_text("/predictor/heads", 5, "a.json:/predictor: width: expected a multiple of heads (5)");
  expect_text("/steps", 0, "steps: expected a whole number from 1");
  expect_text("/seed", -1, "seed");
  expect_text("/world_version", 3, "world_version");
  expect_text("/loss_exponent", 3, "loss_exponent");
  expect_text("/init", "zeros", "init");
  expect_text("/momentum", 0.9, "momentum: expected a JSON object");
  expect_text("/target", {{"blocks", 0}}, "a.json:/target: blocks: expected a whole number from 1");
  expect_text("/target", {{"blocks", 99}},
              "a.json:/target: blocks: expected a whole number from 1");
  expect_text("/target", {{"normalisation", "batch"}},
              "a.json:/target: normalisation: expected one of layer, instance");
  expect_text("/target", {{"components", 8}}, "nearest valid key: \"blocks\"");
  expect_text("/real_clips", Json::object(), "manifest: expected a value");
}

}  // namespace pretrain_config_test
}  // namespace permafrost
