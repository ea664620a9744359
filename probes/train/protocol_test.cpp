// SPDX-License-Identifier: Apache-2.0
#include "probes/train/protocol.h"

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace protocol_test {

TEST(Protocol, ProbeGoesThroughJson) {
  ProbeProtocol p;
  p.head = HeadKind::mean_pool;
  p.heads = 2;
  p.epochs = 7;
  p.batch = 5;
  p.learning_rates = {1e-4, 2e-3, 0.5};
  p.weight_decay = 0.3;
  p.clip_grad = 0;
  p.held_out = 0.25;
  p.clips = 2;
  const ProbeProtocol back = read_probe_protocol(Json::parse(to_json(p).dump()), "a.json");
  EXPECT_EQ(to_json(back), to_json(p));
  EXPECT_EQ(back.head, HeadKind::mean_pool);
  EXPECT_EQ(back.learning_rates, p.learning_rates);
}

// The text goes into the keys of records: it may not change for what older protocols say.
TEST(Protocol, JsonOfAnOlderProtocolStaysByteForByte) {
  const Json json = Json::parse(R"({"head": "attentive", "heads": 2, "epochs": 20, "batch": 64,
      "learning_rates": [3e-4, 1e-3, 3e-3, 1e-2], "weight_decay": 0.01})");
  EXPECT_EQ(to_json(read_probe_protocol(json, "a.json")).dump(),
            R"({"batch":64,"clip_grad":1.0,"clips":1,"epochs":20,"head":"attentive","heads":2,)"
            R"("held_out":0.1,"learning_rates":[0.0003,0.001,0.003,0.01],"weight_decay":0.01})");
}

TEST(Protocol, LaterFieldsAppearWhereTheyAreUsed) {
  ProbeProtocol p;
  p.head = HeadKind::linear;
  p.learning_rates = {1e-3, 1e-2};
  p.weight_decays = {0, 0.1};
  p.label_fraction = 0.05;
  const Json json = to_json(p);
  EXPECT_FALSE(json.contains("weight_decay"));
  EXPECT_FALSE(json.contains("neighbours"));
  const ProbeProtocol back = read_probe_protocol(Json::parse(json.dump()), "a.json");
  EXPECT_EQ(to_json(back), json);
  EXPECT_EQ(back.weight_decays, p.weight_decays);
  EXPECT_EQ(back.label_fraction, 0.05);
}

TEST(Protocol, KnnSaysNothingOfTraining) {
  ProbeProtocol p;
  p.head = HeadKind::knn;
  p.neighbours = {5, 7};
  EXPECT_EQ(to_json(p).dump(), R"({"clips":1,"head":"knn","held_out":0.1,"neighbours":[5,7]})");
  EXPECT_EQ(read_probe_protocol(to_json(p), "a.json").neighbours, p.neighbours);
  ASSERT_EQ(candidates_of(p).size(), 2U);
  EXPECT_EQ(candidates_of(p)[1].neighbours, 7);
  EXPECT_EQ(passes_of(p), 1);
}

TEST(Protocol, CandidatesAreRatesTimesDecays) {
  ProbeProtocol p;
  p.learning_rates = {1, 2, 3};
  p.weight_decay = 0.5;
  ASSERT_EQ(candidates_of(p).size(), 3U);
  EXPECT_EQ(candidates_of(p)[2].weight_decay, 0.5);
  p.weight_decays = {0.1, 0.2};
  const auto all = candidates_of(p);
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[2].learning_rate, 3);
  EXPECT_EQ(all[2].weight_decay, 0.1);
  EXPECT_EQ(all[3].learning_rate, 1);
  EXPECT_EQ(all[3].weight_decay, 0.2);
}

TEST(Protocol, FinetuneGoesThroughJson) {
  FinetuneProtocol p;
  p.heads = 2;
  p.epochs = 9;
  p.batch = 3;
  p.learning_rate = 0.1;
  p.layer_decay = 1;
  p.weight_decay = 0;
  p.warmup_share = 0.5;
  p.clip_grad = 2;
  p.gradient_shards = 1;
  const FinetuneProtocol back = read_finetune_protocol(Json::parse(to_json(p).dump()), "a.json");
  EXPECT_EQ(to_json(back), to_json(p));
  EXPECT_EQ(back.layer_decay, 1);
}

TEST(Protocol, EmptyObjectsGiveTheDefaults) {
  EXPECT_EQ(to_json(read_probe_protocol(Json::object(), "a.json")), to_json(ProbeProtocol{}));
  EXPECT_EQ(to_json(read_finetune_protocol({{"comment", "why"}}, "a.json")),
            to_json(FinetuneProtocol{}));
}

TEST(Protocol, NamesKeysThatAreWrong) {
  const auto probe = [](const Json& json) {
    return input_error_of([&] { read_probe_protocol(json, "a.json:/probe"); });
  };
  EXPECT_TRUE(contains(probe({{"epoch", 3}}), "nearest valid key: \"epochs\""));
  EXPECT_TRUE(contains(probe({{"head", "lineal"}}), "a.json:/probe: head: expected attentive"));
  EXPECT_TRUE(contains(probe({{"epochs", 0}}), "epochs: expected a whole number from 1"));
  EXPECT_TRUE(contains(probe({{"batch", 1.5}}), "batch"));
  EXPECT_TRUE(contains(probe({{"learning_rates", Json::array()}}), "at least one number"));
  EXPECT_TRUE(contains(probe({{"learning_rates", {1e-3, 0}}}), "numbers above 0"));
  EXPECT_TRUE(contains(probe({{"learning_rates", 1e-3}}), "an array of numbers"));
  EXPECT_TRUE(contains(probe({{"held_out", 0}}), "held_out"));
  EXPECT_TRUE(contains(probe({{"clips", 0}}), "clips"));
  EXPECT_TRUE(contains(probe({{"weight_decays", {0.1, -1}}}), "numbers from 0 to 10"));
  EXPECT_TRUE(contains(probe({{"neighbours", {5, 0}}}), "numbers from 1 to 1000000"));
  EXPECT_TRUE(contains(probe({{"neighbours", Json::array()}}), "at least one number"));
  EXPECT_TRUE(contains(probe({{"label_fraction", 0}}), "a share above 0"));
  EXPECT_TRUE(contains(probe({{"label_fraction", 1.5}}), "label_fraction"));
  const auto tune = [](const Json& json) {
    return input_error_of([&] { read_finetune_protocol(json, "a.json:/finetune"); });
  };
  EXPECT_TRUE(contains(tune({{"layer_deacy", 0.5}}), "nearest valid key: \"layer_decay\""));
  EXPECT_TRUE(
      contains(tune({{"layer_decay", 0}}), "layer_decay: expected a number from 0.01 to 1"));
  EXPECT_TRUE(contains(tune({{"learning_rate", 0}}), "learning_rate"));
  EXPECT_TRUE(contains(tune({{"warmup_share", 1}}), "warmup_share"));
  EXPECT_TRUE(contains(tune({{"gradient_shards", 0}}), "gradient_shards"));
}

TEST(Protocol, DepthIsOfTheAttentiveHead) {
  ProbeProtocol p;
  EXPECT_FALSE(to_json(p).contains("depth"));
  p.depth = 4;
  EXPECT_EQ(read_probe_protocol(to_json(p), "a.json").depth, 4);
  try {
    read_probe_protocol(Json::parse(R"({"head": "linear", "depth": 4})"), "a.json");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "a.json: depth: expected 1 for a head of kind linear, found 4");
  }
}

TEST(Protocol, FinetuningSaysWhatItDoesBesideThePlain) {
  FinetuneProtocol p;
  const Json plain = to_json(p);
  for (const auto* field : {"mixup", "cutmix", "label_smoothing", "drop_path"})
    EXPECT_FALSE(plain.contains(field)) << field;
  p.mixing = {.mixup = 0.8, .cutmix = 1, .probability = 0.9, .switch_share = 0.3};
  p.label_smoothing = 0.1;
  p.drop_path = 0.2;
  const FinetuneProtocol back = read_finetune_protocol(to_json(p), "a.json");
  EXPECT_EQ(to_json(back), to_json(p));
  EXPECT_EQ(back.mixing.switch_share, 0.3);
  EXPECT_EQ(back.drop_path, 0.2);
}

TEST(Protocol, AugmentationAndViewsGoThroughJson) {
  EXPECT_FALSE(to_json(ProbeProtocol{}).contains("augmentation"));
  EXPECT_FALSE(to_json(ProbeProtocol{}).contains("views"));
  const auto read = [](const char* text) { return read_probe_protocol(Json::parse(text), "a"); };
  const ProbeProtocol online =
      read(R"({"augmentation": "released", "training_views": "online", "views": 3,
               "short_side": 256})");
  EXPECT_EQ(online.training_views, 0);
  EXPECT_EQ(to_json(online)["training_views"], "online");
  EXPECT_EQ(to_json(read_probe_protocol(to_json(online), "a")), to_json(online));
  EXPECT_EQ(online.test.views, 3);
  EXPECT_EQ(read(R"({"augmentation": "crop", "training_views": 4})").training_views, 4);
  const auto complaint = [&](const char* text) { return input_error_of([&] { read(text); }); };
  EXPECT_TRUE(contains(complaint(R"({"training_views": 4})"), "1 without an augmentation"));
  EXPECT_TRUE(contains(complaint(R"({"augmentation": "crop", "training_views": "on"})"),
                       "or \"online\", found \"on\""));
  EXPECT_TRUE(contains(complaint(R"({"augmentation": "crop", "head": "knn"})"), "knn head"));
  const FinetuneProtocol tuned = read_finetune_protocol(
      Json::parse(R"({"augmentation": "released", "clips": 5, "views": 3})"), "a");
  EXPECT_EQ(to_json(read_finetune_protocol(to_json(tuned), "a")), to_json(tuned));
  EXPECT_EQ(tuned.clips, 5);
}

}  // namespace protocol_test
}  // namespace permafrost
