// SPDX-License-Identifier: Apache-2.0
#include "models/network/predictor.h"

#include "models/testing/toy_network.h"

namespace permafrost {
namespace predictor_test {

at::Tensor toy_prediction(const at::Tensor& target) {
  const at::Tensor z = encode(toy::encoder(), toy::encoder_spec(), toy::patches(), toy::context());
  return predict(toy::predictor(), toy::predictor_spec(), 1e-6, z, toy::context(), target, 0);
}

TEST(Predictor, MatchesTheGoldenPrediction) {
  const at::Tensor prediction = toy_prediction(toy::target());
  ASSERT_EQ(prediction.sizes(), (std::vector<std::int64_t>{2, 4, 24}));
  const double first[] = {-.3451502, -.0105604, .2341879, -.2138014};
  const double last[] = {-.6639799, .0461588, .6138300, -.3575726};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(prediction[0][0][i].item<double>(), first[i], 2e-6);
    EXPECT_NEAR(prediction[1][3][20 + i].item<double>(), last[i], 2e-6);
  }
  EXPECT_NEAR(prediction.abs().sum(at::kDouble).item<double>(), 58.585996, 1e-5);
}

TEST(Predictor, PermutedTargetsPermuteThePredictions) {
  const at::Tensor order = at::tensor({2, 0, 3, 1}, at::kLong);
  const at::Tensor shuffled = toy_prediction(toy::target().index_select(1, order));
  EXPECT_LT(largest_difference(shuffled, toy_prediction(toy::target()).index_select(1, order)),
            2e-6);
}

TEST(Predictor, AsksEachMaskWithItsOwnToken) {
  PredictorWeights weights = toy::predictor();
  weights.mask_tokens.push_back(at::zeros({1, 1, 12}));
  const at::Tensor z = encode(toy::encoder(), toy::encoder_spec(), toy::patches(), toy::context());
  const auto ask = [&](int mask) {
    return predict(weights, toy::predictor_spec(), 1e-6, z, toy::context(), toy::target(), mask);
  };
  EXPECT_TRUE(ask(0).equal(toy_prediction(toy::target())));
  EXPECT_GT(largest_difference(ask(0), ask(1)), 1e-3);
}

TEST(Predictor, StartsMaskTokensAtZeroAndNamesItsTensors) {
  PredictorWeights weights =
      make_predictor(toy::predictor_spec(), toy::encoder_spec(), 2, Init::xavier, 1);
  const NamedTensors names = named_tensors(weights);
  EXPECT_EQ(names.size(), 2U + 2U + 12U + 2U + 2U);
  EXPECT_EQ(names[0].first, "predictor_embed.weight");
  EXPECT_EQ(names[3].first, "mask_tokens.1");
  EXPECT_EQ(names[3].second.abs().max().item<float>(), 0);
  EXPECT_EQ(weights.pos_embed.sizes(), (std::vector<std::int64_t>{1, 8, 12}));
}

}  // namespace predictor_test
}  // namespace permafrost
