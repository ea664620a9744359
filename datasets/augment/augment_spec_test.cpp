// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/augment_spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace permafrost {
namespace augment_spec_test {

std::string message_of(const Json& json) {
  try {
    read_augment_spec(json, "a.json:/augmentation");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(AugmentSpec, ProtocolsGoThroughJsonAndBack) {
  for (const auto& name : augment_protocols()) {
    const AugmentSpec spec = read_augment_spec(name, "x");
    EXPECT_EQ(spec.protocol, name);
    EXPECT_EQ(spec.active(), name != "none");
    EXPECT_EQ(read_augment_spec(to_json(spec), "x"), spec);
  }
}

TEST(AugmentSpec, ReleasedIsWhatTheReleasedCodeDoes) {
  const AugmentSpec spec = read_augment_spec("released", "x");
  EXPECT_TRUE(spec.random_clip);
  EXPECT_TRUE(spec.crop);
  EXPECT_EQ(spec.crop_rule, (CropRule{0.08, 1, 0.75, 4.0 / 3}));
  EXPECT_EQ(spec.flip, 0);
  EXPECT_EQ(to_text(spec.rand_augment), "rand-m7-n4-mstd0.5-inc1");
  EXPECT_EQ(spec.erasing.probability, 0.25);
}

TEST(AugmentSpec, AProtocolWithChanges) {
  const AugmentSpec spec = read_augment_spec(
      {{"protocol", "crop"}, {"flip", 0}, {"crop_area", {0.3, 1}}, {"rand_augment", "none"}}, "x");
  EXPECT_EQ(spec.flip, 0);
  EXPECT_EQ(spec.crop_rule.least_area, 0.3);
  EXPECT_TRUE(spec.crop);
  EXPECT_FALSE(read_augment_spec({{"erasing", 0.5}}, "x").crop);
  EXPECT_EQ(read_augment_spec({{"erasing", 0.5}}, "x").erasing.probability, 0.5);
}

TEST(AugmentSpec, MistakesAreNamed) {
  EXPECT_NE(message_of("croq").find("nearest: crop"), std::string::npos);
  EXPECT_NE(message_of({{"flop", 1}}).find("\"flip\""), std::string::npos);
  EXPECT_NE(message_of({{"flip", 2}}).find("a.json:/augmentation: flip"), std::string::npos)
      << message_of({{"flip", 2}});
  EXPECT_NE(message_of({{"crop_area", {0.5, 2}}}).find("crop_area"), std::string::npos);
  EXPECT_NE(message_of({{"crop_area", {1, 0.5}}}).find("crop_area"), std::string::npos);
  EXPECT_NE(message_of({{"crop_ratio", {1}}}).find("crop_ratio"), std::string::npos);
  EXPECT_NE(message_of({{"rand_augment", "rand"}}).find("rand_augment"), std::string::npos);
  EXPECT_NE(message_of(5), "");
}

}  // namespace augment_spec_test
}  // namespace permafrost
