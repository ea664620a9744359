// SPDX-License-Identifier: Apache-2.0
#include "bench/evaluate/recipe.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "models/testing/test_support.h"

namespace permafrost {
namespace recipe_test {

EncoderSpec vit_large(int size = 224) {
  EncoderSpec spec;
  spec.width = 1024;
  spec.depth = 24;
  spec.heads = 16;
  spec.patch = 16;
  spec.frames = 16;
  spec.height = spec.image_width = size;
  return spec;
}

TaskSpec videos() {
  TaskSpec task;
  task.name = "mine";
  task.kind = TaskKind::manifest;
  task.frame_step = 3;
  task.clips = 2;
  return task;
}

ClassifierSpec head_of(int classes, int blocks = 0) {
  ClassifierSpec spec;
  spec.classes = classes;
  spec.blocks = blocks;
  return spec;
}

std::set<std::string> departures(const Recipe* recipe, const std::vector<std::string>& set,
                                 const EncoderSpec& encoder = vit_large(),
                                 const ClassifierSpec& head = head_of(400)) {
  std::set<std::string> names;
  const auto protocol = evaluation_protocol(recipe, videos(), encoder, set);
  for (const auto& field : protocol_fields(recipe, protocol, videos(), encoder, head))
    if (field.departs()) names.insert(field.name);
  return names;
}

TEST(Recipe, IsFoundByClassesAndKindOfHead) {
  EXPECT_EQ(recipe_for(head_of(400), vit_large())->name, "k400_16x8x3");
  EXPECT_EQ(recipe_for(head_of(174, 3), vit_large(256))->name, "vjepa2_ssv2_16x2x3");
  EncoderSpec long_clips = vit_large(384);
  long_clips.frames = 64;
  EXPECT_EQ(recipe_for(head_of(174, 3), long_clips)->name, "vjepa2_ssv2_64x2x3");
  long_clips.height = long_clips.image_width = 256;
  EXPECT_EQ(recipe_for(head_of(174, 3), long_clips)->name, "vjepa2_ssv2_16x2x3");
  EXPECT_EQ(recipe_for(head_of(48), vit_large())->name, "diving48_32x4x3");
  ClassifierSpec pool = head_of(400);
  pool.kind = HeadKind::mean_pool;
  EXPECT_EQ(recipe_for(pool, vit_large())->name, "videomae_k400_16x5x3");
  EXPECT_EQ(recipe_for(head_of(7), vit_large()), nullptr);
  const std::string error = input_error_of([] { recipe_named("k400"); });
  EXPECT_TRUE(contains(error, "--recipe") && contains(error, "k400_16x8x3")) << error;
}

TEST(Recipe, NamesAreUnique) {
  std::set<std::string> names;
  for (const auto& recipe : recipes()) EXPECT_TRUE(names.insert(recipe.name).second) << recipe.name;
}

TEST(Recipe, GivesItsProtocolToTheRun) {
  const auto k400 = evaluation_protocol(&recipe_named("k400_16x8x3"), videos(), vit_large(), {});
  EXPECT_EQ(to_json(k400), Json::parse(R"({"frames": 16, "resolution": 0, "frame_step": 4,
    "clips": 8, "views": 3,
    "attend_across_clips": true, "short_side": 0, "antialias": false, "layers": []})"));
  const auto image = evaluation_protocol(&recipe_named("in1k"), videos(), vit_large(384), {});
  EXPECT_EQ(image.short_side, 438);
  EXPECT_TRUE(image.antialias);
  const auto diving =
      evaluation_protocol(&recipe_named("diving48_32x4x3"), videos(), vit_large(256), {});
  EXPECT_EQ(diving.layers, (std::vector<int>{17, 19, 21, 23}));
  EXPECT_EQ(diving.frame_step, 2);
  EXPECT_EQ(diving.frames, 32) << "the encoder's 16 are not the recipe's";
  EXPECT_EQ(evaluation_protocol(&recipe_named("vjepa2_in1k"), videos(), vit_large(), {}).frames,
            16);
  EXPECT_FALSE(evaluation_protocol(&recipe_named("videomae_k400_16x5x3"), videos(), vit_large(), {})
                   .attend_across_clips);
}

TEST(Recipe, WithoutOneTheTaskIsShownAsToAProbe) {
  const auto protocol = evaluation_protocol(nullptr, videos(), vit_large(), {});
  EXPECT_EQ(protocol.frame_step, 3);
  EXPECT_EQ(protocol.clips, 2);
  EXPECT_EQ(protocol.views, 1);
  EXPECT_EQ(protocol.short_side, 0);
  EXPECT_TRUE(protocol.antialias);
  EXPECT_TRUE(departures(nullptr, {}).empty());
}

TEST(Recipe, ListsEveryDeparture) {
  const std::set<std::string> always{"start of a clip", "precision", "accuracy", "unreadable clip"};
  const Recipe& k400 = recipe_named("k400_16x8x3");
  EXPECT_EQ(departures(&k400, {}), always);
  std::set<std::string> expected = always;
  expected.insert({"clips", "views", "short side", "frame step"});
  EXPECT_EQ(departures(&k400, {"clips=2", "views=1", "frame_step=2"}), expected);
  expected = always;
  expected.insert({"resolution", "resizing", "frames", "layers", "short side"});
  EncoderSpec small = vit_large(112);
  small.frames = 8;
  EXPECT_EQ(
      departures(&k400, {"frames=8", "antialias=true", "layers=[3]", "short_side=128"}, small),
      expected);
  expected = always;
  expected.insert("normalisation");
  EncoderSpec other = vit_large();
  other.mean = {0.5, 0.5, 0.5};
  EXPECT_EQ(departures(&k400, {}, other), expected);
  EncoderSpec shallow = vit_large(256);
  shallow.frames = 32;
  shallow.depth = 12;
  expected = always;
  expected.insert("layers");
  EXPECT_EQ(departures(&recipe_named("diving48_32x4x3"), {}, shallow, head_of(48, 3)), expected);
  // Hugging Face's copy of a head has another eps, a head of fewer attention heads is another one.
  ClassifierSpec converted = head_of(174, 3);
  converted.norm_eps = 1e-6;
  converted.heads = 8;
  expected = always;
  expected.insert({"norm eps of the head", "attention heads of the head"});
  EXPECT_EQ(departures(&recipe_named("vjepa2_ssv2_16x2x3"), {}, vit_large(256), converted),
            expected);
  ClassifierSpec pool = head_of(7);
  pool.kind = HeadKind::mean_pool;
  expected = always;
  expected.insert({"head", "classes"});
  EXPECT_EQ(departures(&k400, {}, vit_large(), pool), expected);
}

TEST(Recipe, ASingleViewOfAVideoRecipeKeepsTheMargin) {
  const auto protocol =
      evaluation_protocol(&recipe_named("k400_16x8x3"), videos(), vit_large(), {"views=1"});
  EXPECT_EQ(protocol.short_side, 256);
  EXPECT_EQ(evaluation_protocol(&recipe_named("k400_16x8x3"), videos(), vit_large(),
                                {"views=1", "short_side=224"})
                .short_side,
            0);
}

TEST(Recipe, KnowsWhatWasPublished) {
  EXPECT_EQ(published_accuracy(recipe_named("k400_16x8x3"), {}, vit_large()), 80.8);
  EXPECT_EQ(published_accuracy(recipe_named("k400_16x8x3"), {}, vit_large(256)), std::nullopt);
  EXPECT_EQ(published_accuracy(recipe_named("diving48_32x4x3"), {.resolution = 256}, vit_large()),
            89.0);
}

TEST(Recipe, RefusesWhatItCannotDo) {
  const auto error = [](const TaskSpec& task, const std::vector<std::string>& set) {
    return input_error_of([&] { evaluation_protocol(nullptr, task, vit_large(), set); });
  };
  EXPECT_TRUE(contains(error(videos(), {"view=2"}), "\"views\""));
  EXPECT_TRUE(contains(error(videos(), {"clips=0"}), "clips"));
  EXPECT_TRUE(contains(error(videos(), {"layers=[24]"}), "blocks 0 to 23"));
  TaskSpec drawn;
  drawn.name = "motion";
  EXPECT_TRUE(contains(error(drawn, {"views=3"}), "views: expected 1 for task motion"));
  EXPECT_TRUE(contains(error(drawn, {"clips=2"}), "clips: expected 1 for task motion"));
}

}  // namespace recipe_test
}  // namespace permafrost
