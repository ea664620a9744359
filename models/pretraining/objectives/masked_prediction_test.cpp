// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/masked_prediction.h"

#include "models/pretraining/objectives/feature_prediction.h"
#include "models/pretraining/objectives/pixel_prediction.h"
#include "models/testing/toy_network.h"

namespace permafrost {
namespace masked_prediction_test {

double toy_loss(const std::vector<Mask>& masks, double exponent) {
  PredictorWeights predictor = toy::predictor();
  while (predictor.mask_tokens.size() < masks.size())
    predictor.mask_tokens.push_back(predictor.mask_tokens[0]);
  const at::Tensor targets =
      normalised_features(encode(toy::encoder(), toy::encoder_spec(), toy::patches()));
  return prediction_loss({toy::encoder(), toy::encoder_spec(), predictor, toy::predictor_spec()},
                         toy::patches(), targets, masks, exponent)
      .item<double>();
}

TEST(MaskedPrediction, MatchesTheGoldenLosses) {
  const Mask mask{toy::context(), toy::target()};
  EXPECT_NEAR(toy_loss({mask}, 1), .91151351, 2e-7);
  EXPECT_NEAR(toy_loss({mask}, 2), .56969583, 2e-7);
}

TEST(MaskedPrediction, WeighsMasksAlikeWhateverTheirSize) {
  const Mask wide{toy::context(), toy::target()};
  const Mask narrow{toy::indices({0, 1, 2, 3, 4, 5, 0, 2, 3, 5, 6, 7}), toy::indices({6, 4})};
  const double expected = (toy_loss({wide}, 1) + toy_loss({narrow}, 1)) / 2;
  EXPECT_NEAR(toy_loss({wide, narrow}, 1), expected, 1e-6);
}

TEST(MaskedPrediction, NormalisesFeaturesWithoutWeights) {
  const at::Tensor x = at::tensor({1.0F, 2.0F, 3.0F, 6.0F}).view({1, 1, 4});
  // Mean 3, biased variance 3.5.
  const at::Tensor expected =
      (at::tensor({-2.0, -1.0, 0.0, 3.0}, at::kDouble) / std::sqrt(3.5 + 1e-5)).view({1, 1, 4});
  EXPECT_LT(largest_difference(normalised_features(x), expected), 1e-6);
}

TEST(MaskedPrediction, AveragesNormalisedBlocksOfTheTarget) {
  const at::Tensor small = at::tensor({1.0F, 2.0F, 3.0F, 6.0F}).view({1, 1, 4}),
                   large = 100 * at::tensor({1.0F, -1.0F, 1.0F, -1.0F}).view({1, 1, 4});
  EXPECT_TRUE(mean_target({small}).equal(normalised_features(small)));
  const at::Tensor mean = (normalised_features(small) + normalised_features(large)) / 2;
  EXPECT_LT(largest_difference(mean_target({small, large}), normalised_features(mean)), 1e-6);
  // A block counts no more for being larger.
  EXPECT_LT(largest_difference(mean_target({small, large}), mean_target({small, large / 10})),
            1e-4);
}

TEST(MaskedPrediction, NormalisesPixelsByTokenAndChannel) {
  // One token, three channels of four values; unbiased variance of (1,2,3,6) is 14/3.
  const at::Tensor patches =
      at::tensor({1.0F, 2.0F, 3.0F, 6.0F, 10.0F, 20.0F, 30.0F, 60.0F, 5.0F, 5.0F, 5.0F, 5.0F})
          .view({1, 1, 12});
  const double one = 1 / (std::sqrt(14.0 / 3) + 1e-6);
  const at::Tensor expected =
      at::tensor({-2 * one, -one, 0.0, 3 * one, -2 * one, -one, 0.0, 3 * one, 0.0, 0.0, 0.0, 0.0},
                 at::kDouble)
          .view({1, 1, 12});
  EXPECT_LT(largest_difference(normalised_pixels(patches), expected), 1e-6);
}

TEST(MaskedPrediction, NormalisesEveryTokenForItself) {
  const at::Tensor patches = fill({2, 3, 12}, 1, 5);
  const at::Tensor alone = normalised_pixels(patches.slice(0, 1, 2).slice(1, 2, 3).contiguous());
  EXPECT_TRUE(normalised_pixels(patches)[1][2].equal(alone[0][0]));
}

TEST(MaskedPrediction, AveragesThePowerOfTheError) {
  const at::Tensor a = at::tensor({1.0F, -2.0F, 0.0F, 4.0F}),
                   b = at::tensor({0.0F, 2.0F, 0.0F, 2.0F});
  EXPECT_DOUBLE_EQ(regression_loss(a, b, 1).item<double>(), 7.0 / 4);
  EXPECT_DOUBLE_EQ(regression_loss(a, b, 2).item<double>(), 21.0 / 4 / 2);
  EXPECT_NEAR(regression_loss(a, b, 1.5).item<double>(), (1 + 8 + 0 + std::pow(2, 1.5)) / 4 / 1.5,
              1e-6);
}

}  // namespace masked_prediction_test
}  // namespace permafrost
