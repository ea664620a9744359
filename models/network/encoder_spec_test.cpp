// SPDX-License-Identifier: Apache-2.0
#include "models/network/encoder_spec.h"

#include <nlohmann/json.hpp>

#include "models/testing/test_support.h"

namespace permafrost {
namespace {

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

}  // namespace
}  // namespace permafrost
