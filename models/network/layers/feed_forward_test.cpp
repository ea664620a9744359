// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/feed_forward.h"

#include <nlohmann/json.hpp>

#include "models/testing/toy_feed_forward.h"
#include "models/testing/toy_network.h"

namespace permafrost {
namespace feed_forward_test {

EncoderSpec spec_of(const std::string& kind) {
  EncoderSpec spec = toy::encoder_spec();
  spec.feed_forward.kind = kind;
  return spec;
}

TEST(FeedForward, CountsTheParametersItMakes) {
  EXPECT_EQ(feed_forward_parameters({}, 8), 8 * 32 + 32 + 32 * 8 + 8);
  const FeedForwardSpec gated{.kind = kSwiglu, .width = 5};
  EXPECT_EQ(feed_forward_parameters(gated, 8), 8 * 10 + 10 + 5 * 8 + 8);
  EXPECT_EQ(feed_forward_flops(gated, 3, 8), 2 * 3 * (8 * 10 + 5 * 8));
}

TEST(FeedForward, GatesTheSecondHalf) {
  RandomStream stream({.seed = 1, .purpose = "test"});
  const FeedForwardSpec spec{.kind = kSwiglu, .width = 5};
  FeedForwardWeights weights = make_feed_forward(spec, 4, Init::xavier, stream);
  const at::Tensor x = fill({2, 3, 4}, 1, 1);
  const at::Tensor both = at::linear(x, weights.fc1.weight, weights.fc1.bias);
  const at::Tensor gated = at::silu(both.slice(2, 0, 5)) * both.slice(2, 5, 10);
  EXPECT_LT(largest_difference(apply_feed_forward(weights, spec, x),
                               at::linear(gated, weights.fc2.weight, weights.fc2.bias)),
            1e-6);
}

TEST(FeedForward, KnowsGelusApproximation) {
  RandomStream stream({.seed = 1, .purpose = "test"});
  const FeedForwardSpec spec{.kind = kGeluTanh, .width = 5};
  FeedForwardWeights weights = make_feed_forward(spec, 4, Init::xavier, stream);
  const at::Tensor x = fill({2, 3, 4}, 1, 3);
  const at::Tensor y = at::linear(x, weights.fc1.weight, weights.fc1.bias);
  const at::Tensor inner = std::sqrt(2 / M_PI) * (y + 0.044715 * y.pow(3));
  const at::Tensor hidden = 0.5 * y * (1 + inner.tanh());
  const at::Tensor expected = at::linear(hidden, weights.fc2.weight, weights.fc2.bias);
  EXPECT_LT(largest_difference(apply_feed_forward(weights, spec, x), expected), 1e-5);
  const at::Tensor exact = apply_feed_forward(weights, {.kind = kGelu, .width = 5}, x);
  EXPECT_GT(largest_difference(exact, expected), 1e-5);
  EXPECT_EQ(feed_forward_flops(spec, 3, 4), feed_forward_flops({.width = 5}, 3, 4));
}

TEST(FeedForward, AnotherKindIsReadWrittenAndRun) {
  EXPECT_THROW(register_feed_forward(toy::small_feed_forward()), Error);
  const Json json = to_json(spec_of("toy_small"));
  EXPECT_EQ(json["ffn"], "toy_small");
  EXPECT_EQ(read_encoder_spec(json, "a.json").feed_forward.kind, "toy_small");
  EXPECT_TRUE(contains(input_error_of([] {
                         read_encoder_spec({{"ffn", "relu"}}, "a.json");
                       }),
                       "ffn: expected one of gelu, gelu_tanh, swiglu, toy_small, found \"relu\""));
}

TEST(BlockTrace, IsToldByEveryBlock) {
  BlockTrace trace;
  const at::Tensor told =
      encode(toy::encoder(), spec_of("toy_small"), toy::patches(), {}, Tokens::patch, &trace);
  EXPECT_TRUE(told.equal(encode(toy::encoder(), spec_of(kGelu), toy::patches())));
  ASSERT_EQ(trace.losses.size(), 2U);
  ASSERT_EQ(trace.statistics.size(), 2U);
  EXPECT_EQ(trace.losses[1].first, "toy_size");
  EXPECT_GT(trace.losses[1].second.item<double>(), 0);
  EXPECT_NEAR(trace.statistics[0].second.item<double>(), 0.5, 0.2);
}

TEST(BlockTrace, UsualKindsTellNothing) {
  BlockTrace trace;
  encode(toy::encoder(), spec_of(kGelu), toy::patches(), toy::context(), Tokens::patch, &trace);
  EXPECT_TRUE(trace.losses.empty() && trace.statistics.empty());
}

}  // namespace feed_forward_test
}  // namespace permafrost
