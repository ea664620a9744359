// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "models/pretraining/masking/masking.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace mask_config_test {

constexpr TokenGrid kGrid{8, 14, 14};

std::string error_of(const Json& json) {
  return input_error_of([&] { read_mask_strategy(json, "a.json"); });
}

TEST(MaskConfig, AListOfMasksDrawsAsTheNameThatItSpellsOut) {
  const Json json = Json::parse(R"([{"num_blocks": 8, "spatial_scale": [0.15, 0.15]},
                                    {"num_blocks": 2, "spatial_scale": [0.7, 0.7]}])");
  const auto spelt = draw_masks(read_mask_strategy(json, "a.json"), kGrid, 3, 1, 2),
             named = draw_masks(mask_strategy("multiblock", "a.json"), kGrid, 3, 1, 2);
  ASSERT_EQ(spelt.size(), 2U);
  for (std::size_t m = 0; m < 2; ++m) {
    EXPECT_TRUE(spelt[m].context.equal(named[m].context));
    EXPECT_TRUE(spelt[m].target.equal(named[m].target));
  }
}

TEST(MaskConfig, ReadsEveryField) {
  const MaskStrategy strategy = read_mask_strategy(Json::parse(R"({"name": "mine", "masks": [
        {"kind": "blocks", "num_blocks": 3, "spatial_scale": [0.1, 0.2], "temporal_scale": [0.5, 1],
         "aspect_ratio": [0.5, 2], "max_temporal_keep": 0.75, "max_keep": 40},
        {"kind": "random_tube", "ratio": 0.8}]})"),
                                                   "a.json");
  EXPECT_EQ(strategy.name, "mine");
  ASSERT_EQ(strategy.masks.size(), 2U);
  const MaskConfig& blocks = strategy.masks[0];
  EXPECT_EQ(blocks.num_blocks, 3);
  EXPECT_EQ(blocks.spatial_scale[1], 0.2);
  EXPECT_EQ(blocks.temporal_scale[0], 0.5);
  EXPECT_EQ(blocks.aspect_ratio[1], 2);
  EXPECT_EQ(blocks.max_temporal_keep, 0.75);
  EXPECT_EQ(blocks.max_keep, 40);
  EXPECT_EQ(strategy.masks[1].kind, MaskConfig::Kind::random_tube);
  EXPECT_EQ(strategy.masks[1].ratio, 0.8);
}

TEST(MaskConfig, ANameIsAlsoJson) {
  EXPECT_EQ(read_mask_strategy("random_tube(0.5)", "a.json").masks[0].ratio, 0.5);
}

TEST(MaskConfig, NamesWhatIsWrong) {
  EXPECT_TRUE(contains(error_of(Json::array()), "a list of at least one mask"));
  EXPECT_TRUE(contains(error_of(7), "a name or a list"));
  EXPECT_TRUE(contains(error_of({{"name", "mine"}}), "no key \"masks\""));
  EXPECT_TRUE(contains(error_of({{{"num_block", 2}}}), "nearest valid key: \"num_blocks\""));
  EXPECT_TRUE(contains(error_of({{{"kind", "random_tube"}, {"num_blocks", 2}}}), "num_blocks"));
  EXPECT_TRUE(contains(error_of({{{"spatial_scale", {0.5, 0.2}}}}), "the lower first"));
  EXPECT_TRUE(contains(error_of({{{"spatial_scale", {0.5, 1.2}}}}), "spatial_scale"));
  EXPECT_TRUE(contains(error_of({{{"temporal_scale", {0.0, 1.0}}}}), "temporal_scale"));
  EXPECT_TRUE(contains(error_of({{{"aspect_ratio", {1.0}}}}), "aspect_ratio"));
  EXPECT_TRUE(contains(error_of({{{"max_temporal_keep", 0}}}), "max_temporal_keep"));
  EXPECT_TRUE(contains(error_of({{{"kind", "random_tube"}, {"ratio", 1}}}), "a.json/masks/0"));
}

}  // namespace mask_config_test
}  // namespace permafrost
