// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/feature_target.h"

#include <nlohmann/json.hpp>

#include "models/testing/test_support.h"

namespace permafrost {
namespace feature_target_test {

// [2,5,4]: two clips of five tokens.
at::Tensor features() { return at::arange(40, at::kFloat).mul(1.7F).sin().view({2, 5, 4}); }

TEST(FeatureTarget, ByInstanceEveryChannelOfAClipHasOneScale) {
  const at::Tensor target = mean_target({features()}, TargetNorm::instance);
  EXPECT_EQ(target.sizes(), features().sizes());
  EXPECT_LT(target.mean(1).abs().max().item<double>(), 1e-6);
  EXPECT_LT((target.var(1, false) - 1).abs().max().item<double>(), 1e-3);
  // Of each clip by itself, whatever else is in the batch.
  EXPECT_LT(largest_difference(mean_target({features().slice(0, 1)}, TargetNorm::instance),
                               target.slice(0, 1)),
            1e-6);
}

TEST(FeatureTarget, ByInstanceWhatAClipHasInCommonIsNoPartOfIt) {
  // Tokens of zero mean and equal length, so that the norm by layer changes nothing but the scale.
  const at::Tensor signs =
      at::tensor({1.0F, -1.0F, 0.0F, 0.0F, 0.0F, 0.0F, 1.0F, -1.0F}).view({1, 2, 4});
  const at::Tensor alone = mean_target({signs}, TargetNorm::instance);
  const at::Tensor same =
      mean_target({signs.slice(1, 0, 1).expand({1, 2, 4})}, TargetNorm::instance);
  EXPECT_LT(same.abs().max().item<double>(), 1e-6);
  EXPECT_NEAR(alone.abs().min().item<double>(), 1, 1e-4);
}

TEST(FeatureTarget, ByInstanceBlocksAreAveragedFirst) {
  const at::Tensor other = features().square();
  const at::Tensor mean = (normalised_features(features()) + normalised_features(other)) / 2;
  const at::Tensor centred = mean - mean.mean(1, true);
  const at::Tensor expected = centred / (mean.var(1, false, true) + 1e-5).sqrt();
  EXPECT_LT(largest_difference(mean_target({features(), other}, TargetNorm::instance), expected),
            1e-5);
}

TEST(FeatureTarget, ReadsItsKeys) {
  const auto read = [](const Json& target) {
    const Json json{{"target", target}};
    JsonObject object(json, "a.json");
    return read_target(object, 4);
  };
  const Json nothing = Json::object();
  JsonObject none(nothing, "a.json");
  EXPECT_EQ(read_target(none, 4), TargetSpec());
  EXPECT_EQ(read(Json::object()), TargetSpec());
  const TargetSpec both = read({{"blocks", 3}, {"normalisation", "instance"}});
  EXPECT_EQ(both.blocks, 3);
  EXPECT_EQ(both.normalisation, TargetNorm::instance);
  const auto refusal = [&](const Json& target) { return input_error_of([&] { read(target); }); };
  EXPECT_TRUE(contains(refusal({{"normalisation", "batch"}}),
                       "normalisation: expected one of layer, instance, found \"batch\""));
  EXPECT_TRUE(contains(refusal({{"blocks", 5}}), "blocks: expected a whole number from 1"));
  EXPECT_TRUE(contains(refusal({{"normalization", "layer"}}), "\"normalisation\""));
}

}  // namespace feature_target_test
}  // namespace permafrost
