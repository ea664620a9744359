// SPDX-License-Identifier: Apache-2.0
#include "models/network/encoder_spec.h"

#include <nlohmann/json.hpp>

#include "models/testing/test_support.h"

namespace permafrost {
namespace encoder_spec_test {

TEST(EncoderSpec, GoesThroughJson) {
  EncoderSpec spec;
  spec.width = 64;
  spec.heads = 4;
  spec.frames = 6;
  spec.uniform_power = false;
  spec.mean = {0.1, 0.2, 0.3};
  const EncoderSpec back = read_encoder_spec(to_json(spec), "a.json");
  EXPECT_EQ(to_json(back), to_json(spec));
  EXPECT_EQ(back.tokens(), 3 * 6 * 6);
  EXPECT_EQ(back.patch_values(), 3 * 2 * 64);
}

TEST(EncoderSpec, NamesKeysThatAreWrong) {
  const auto text_of = [](const Json& json) {
    return input_error_of([&] { read_encoder_spec(json, "a.json:/encoder"); });
  };
  EXPECT_TRUE(contains(text_of({{"widht", 96}}), "\"width\""));
  EXPECT_TRUE(contains(text_of({{"width", 0}}), "width: expected a whole number from 1"));
  EXPECT_TRUE(contains(text_of({{"width", 97}, {"heads", 1}}), "width: expected a multiple of 2"));
  EXPECT_TRUE(contains(text_of({{"width", 100}, {"heads", 3}}), "width: expected a multiple of 3"));
  EXPECT_TRUE(contains(text_of({{"frames", 7}}), "frames: expected a multiple of 2"));
  EXPECT_TRUE(contains(text_of({{"height", 50}}), "height: expected a multiple of 8"));
  EXPECT_TRUE(contains(text_of({{"image_width", 50}}), "image_width: expected a multiple of 8"));
  EXPECT_TRUE(contains(text_of({{"mean", {0.5}}}), "mean: expected 3 numbers"));
  EXPECT_TRUE(contains(text_of({{"deviation", {0.5, 0.0, 0.5}}}), "deviation"));
  EXPECT_TRUE(contains(text_of({{"family", "clip"}}), "family"));
  EXPECT_TRUE(contains(text_of({{"width", 60}, {"heads", 3}, {"uniform_power", false}}),
                       "width: expected a multiple of 8"));
}

TEST(EncoderSpecNoise, IsLeftOutWhereThereIsNone) {
  const Json plain = to_json(EncoderSpec());
  EXPECT_FALSE(plain.contains("input_noise") || plain.contains("noise_components"));
  const EncoderSpec spec =
      read_encoder_spec({{"input_noise", 0.25}, {"noise_components", 32}}, "a.json");
  EXPECT_EQ(spec.input_noise, 0.25);
  EXPECT_EQ(read_encoder_spec(to_json(spec), "a.json").noise_components, 32);
  const auto refusal = [](const Json& json) {
    return input_error_of([&] { read_encoder_spec(json, "a.json"); });
  };
  EXPECT_TRUE(contains(refusal({{"input_noise", 1.5}}), "input_noise: expected a number"));
  EXPECT_TRUE(contains(refusal({{"noise_components", 3}}), "expected 0 without input_noise"));
  EXPECT_TRUE(contains(refusal({{"input_noise", 0.1}, {"noise_components", 385}}),
                       "at most 384, the values of a patch"));
}

TEST(EncoderSpecExperts, AreLeftOutWhereThereAreNone) {
  const Json plain = to_json(EncoderSpec());
  for (const char* key : {"experts", "experts_chosen", "expert_width", "expert_blocks",
                          "expert_capacity", "gates_renormalised", "ffn_widths"})
    EXPECT_FALSE(plain.contains(key)) << key;
}

TEST(EncoderSpecExperts, StandInTheirBlocks) {
  const Json json{{"width", 64},
                  {"heads", 2},
                  {"experts", 8},
                  {"expert_blocks", {1, 3}},
                  {"experts_chosen", 2}};
  const EncoderSpec spec = read_encoder_spec(json, "a.json");
  EXPECT_EQ(to_json(read_encoder_spec(to_json(spec), "b.json")), to_json(spec));
  EXPECT_EQ(spec.feed_forward_of(0).routing.experts, 0);
  EXPECT_EQ(spec.feed_forward_of(0).hidden(64), 256);
  EXPECT_EQ(spec.feed_forward_of(3).routing.experts, 8);
  EXPECT_EQ(spec.feed_forward_of(3).hidden(64), 128);  // 256 over two that are chosen
  // Active weights are those of the dense network, but for the routers and one bias a block.
  const EncoderSpec dense = read_encoder_spec({{"width", 64}, {"heads", 2}}, "a.json");
  EXPECT_EQ(active_feed_forward_parameters(spec) - feed_forward_parameters(dense),
            2 * (8 * 64 + 64));
  EXPECT_EQ(active_feed_forward_parameters(dense), feed_forward_parameters(dense));
  EXPECT_EQ(feed_forward_parameters(spec),
            2 * (64 * 256 * 2 + 256 + 64) + 2 * (8 * 64 + 8 * (64 * 128 * 2 + 128 + 64)));
  // The first blocks of it.
  EXPECT_EQ(to_json(shortened(spec, 2)).at("expert_blocks"), Json({1}));
  EXPECT_FALSE(to_json(shortened(spec, 1)).contains("experts"));
}

TEST(EncoderSpecExperts, WidthsOfBlocks) {
  const EncoderSpec spec =
      read_encoder_spec({{"width", 64}, {"heads", 2}, {"ffn_widths", {256, 1024, 256, 1024}}}, "a");
  EXPECT_EQ(spec.feed_forward_of(1).hidden(64), 1024);
  EXPECT_EQ(to_json(read_encoder_spec(to_json(spec), "b")).at("ffn_widths").size(), 4U);
  EXPECT_EQ(to_json(shortened(spec, 2)).at("ffn_widths"), Json({256, 1024}));
}

TEST(EncoderSpecExperts, NamesKeysThatAreWrong) {
  const auto refusal = [](const Json& changes) {
    Json json{{"experts", 4}, {"expert_blocks", {1}}};
    json.update(changes);
    return input_error_of([&] { read_encoder_spec(json, "a.json"); });
  };
  EXPECT_EQ(refusal({{"experts_chosen", 5}}),
            "a.json: experts_chosen: expected at most experts (4), found 5");
  EXPECT_EQ(refusal({{"expert_blocks", {1, 4}}}),
            "a.json: expert_blocks: expected numbers below depth (4), found 4");
  EXPECT_TRUE(contains(refusal({{"expert_blocks", {-1}}}), "expected whole numbers from 0 to 255"));
  EXPECT_TRUE(contains(refusal({{"expert_blocks", {2, 1}}}), "found 1 after 2"));
  EXPECT_TRUE(contains(refusal({{"expert_blocks", Json::array()}}), "expert_blocks: expected the"));
  EXPECT_TRUE(contains(refusal({{"experts", 0}}), "expected no such key without experts"));
  EXPECT_TRUE(contains(refusal({{"experts_chosen", 3}, {"ffn_width", 256}}),
                       "does not divide the block's (256)"));
  EXPECT_TRUE(contains(refusal({{"ffn_widths", {8, 8}}}), "expected 4 widths, one a block"));
  EXPECT_TRUE(contains(refusal({{"per_frame", true}, {"tubelet", 1}, {"positions", "learned"}}),
                       "experts: expected 0 where frames are seen one by one"));
  EXPECT_TRUE(contains(refusal({{"class_token", true}}), "experts: expected 0 with a class token"));
}

}  // namespace encoder_spec_test
}  // namespace permafrost
