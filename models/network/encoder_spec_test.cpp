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

}  // namespace
}  // namespace permafrost
