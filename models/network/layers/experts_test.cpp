// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/experts.h"

#include <nlohmann/json.hpp>
#include <thread>

#include "models/network/layers/cpu_experts.h"
#include "models/network/vit.h"
#include "models/testing/drawn_tensor.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace experts_test {

constexpr std::int64_t kWidth = 12;

FeedForwardSpec spec_of(int experts, int chosen, const std::string& kind = kGelu) {
  return {.kind = kind, .width = 9, .routing = {.experts = experts, .chosen = chosen}};
}

FeedForwardWeights weights_of(const FeedForwardSpec& spec, std::int64_t width = kWidth) {
  RandomStream stream({.seed = 3, .purpose = "test"});
  FeedForwardWeights weights = make_feed_forward(spec, width, Init::xavier, stream);
  // Drawn biases and a router whose choices are clear.
  weights.fc1.bias = drawn(weights.fc1.bias.sizes(), 11);
  weights.fc2.bias = drawn(weights.fc2.bias.sizes(), 12);
  if (weights.gate.defined()) weights.gate = drawn(weights.gate.sizes(), 13);
  return weights;
}

void set_double(FeedForwardWeights& weights) {
  visit(weights, "", [](const std::string&, at::Tensor& t) { t = t.to(at::kDouble); });
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

const std::vector<std::string> kKinds{kGelu, kGeluTanh, kSwiglu};

TEST(Experts, OneIsTheOrdinaryLayer) {
  for (const auto& kind : kKinds) {
    const FeedForwardSpec spec = spec_of(1, 1, kind);
    const FeedForwardWeights weights = weights_of(spec);
    const FeedForwardWeights dense{{weights.fc1.weight[0], weights.fc1.bias[0]},
                                   {weights.fc2.weight[0], weights.fc2.bias[0]},
                                   {}};
    const at::Tensor x = drawn({2, 7, kWidth}, 1);
    EXPECT_LT(distance(apply_feed_forward(weights, spec, x),
                       apply_feed_forward(dense, {.kind = kind, .width = 9}, x)),
              1e-5)
        << kind;
  }
}

TEST(Experts, EqualOnesAreOne) {
  for (const auto& kind : kKinds) {
    const FeedForwardSpec spec = spec_of(4, 4, kind);
    FeedForwardWeights weights = weights_of(spec);
    for (at::Tensor* t :
         {&weights.fc1.weight, &weights.fc1.bias, &weights.fc2.weight, &weights.fc2.bias})
      t->copy_((*t)[2].clone().unsqueeze(0).expand_as(*t));
    const FeedForwardWeights dense{{weights.fc1.weight[0], weights.fc1.bias[0]},
                                   {weights.fc2.weight[0], weights.fc2.bias[0]},
                                   {}};
    const at::Tensor x = drawn({2, 7, kWidth}, 1);
    EXPECT_LT(distance(apply_feed_forward(weights, spec, x),
                       apply_feed_forward(dense, {.kind = kind, .width = 9}, x)),
              1e-5)
        << kind;
  }
}

// But for the order in which the softmax adds up.
TEST(Experts, HaveNoOrder) {
  const at::Tensor order = at::tensor({3, 0, 4, 1, 2}, at::kLong), x = drawn({2, 30, kWidth}, 1);
  for (const auto& kind : kKinds)
    for (const int chosen : {1, 2, 3}) {
      const FeedForwardSpec spec = spec_of(5, chosen, kind);
      FeedForwardWeights weights = weights_of(spec), other = weights;
      visit(other, "", [&](const std::string&, at::Tensor& t) { t = t.index_select(0, order); });
      EXPECT_LT(distance(apply_feed_forward(weights, spec, x), apply_feed_forward(other, spec, x)),
                1e-5)
          << kind << " " << chosen;
    }
}

// The loops of the CPU against every expert on every token, in float64: outputs and gradients.
TEST(Experts, AgreeWithThePlainFormula) {
  for (const auto& kind : kKinds)
    for (const int chosen : {1, 2, 3})
      for (const double capacity : {0.0, 0.7}) {
        FeedForwardSpec spec = spec_of(5, chosen, kind);
        spec.routing.capacity = capacity;
        const auto run = [&](at::ScalarType type, std::vector<at::Tensor>& gradients) {
          FeedForwardWeights weights = weights_of(spec);
          std::vector<at::Tensor> leaves{drawn({3, 130, kWidth}, 1)};
          visit(weights, "", [&](const std::string&, at::Tensor& t) {
            leaves.push_back(t = t.to(type).requires_grad_());
          });
          leaves[0] = leaves[0].to(type).requires_grad_();
          const at::Tensor out = apply_feed_forward(weights, spec, leaves[0]);
          (out * drawn(out.sizes(), 5).to(type)).sum().backward();
          for (const auto& leaf : leaves) gradients.push_back(leaf.grad());
          return out.detach();
        };
        std::vector<at::Tensor> found, expected;
        EXPECT_LT(distance(run(at::kFloat, found), run(at::kDouble, expected)), 2e-5);
        ASSERT_EQ(found.size(), 6U);
        for (std::size_t i = 0; i < found.size(); ++i)
          EXPECT_LT(distance(found[i], expected[i]),
                    2e-5 * (1 + expected[i].abs().max().item<double>()))
              << kind << " " << chosen << " " << capacity << " " << i;
      }
}

TEST(Experts, RoutersGradientIsTheSlope) {
  const FeedForwardSpec spec = spec_of(4, 2);
  FeedForwardWeights weights = weights_of(spec);
  set_double(weights);
  const at::Tensor x = drawn({2, 9, kWidth}, 1).to(at::kDouble);
  const auto loss_at = [&](const at::Tensor& gate) {
    FeedForwardWeights moved = weights;
    moved.gate = gate;
    BlockTrace trace{.router = {.balance = 0.3, .z = 0.2}};
    const at::Tensor out = apply_feed_forward(moved, spec, x, &trace);
    return (out * drawn(out.sizes(), 5).to(at::kDouble)).sum() + trace.losses.at(0).second;
  };
  const at::Tensor leaf = weights.gate.clone().requires_grad_();
  loss_at(leaf).backward();
  constexpr double kStep = 1e-6;
  for (const auto& [e, d] : {std::pair(0, 3), {1, 0}, {3, 11}}) {
    at::Tensor up = weights.gate.clone(), down = weights.gate.clone();
    up[e][d] += kStep;
    down[e][d] -= kStep;
    const double slope = (loss_at(up) - loss_at(down)).item<double>() / (2 * kStep);
    EXPECT_NEAR(leaf.grad()[e][d].item<double>(), slope, 1e-5 * (1 + std::abs(slope)));
  }
}

TEST(Experts, RowsDoNotDependOnTheOthers) {
  for (const auto& kind : kKinds) {
    const FeedForwardSpec spec{.kind = kind, .width = 33, .routing = {.experts = 6, .chosen = 2}};
    const FeedForwardWeights weights = weights_of(spec, 40);
    const at::Tensor x = drawn({7, 50, 40}, 1), whole = apply_feed_forward(weights, spec, x);
    for (const std::int64_t i : {0, 3, 6})
      EXPECT_TRUE(
          apply_feed_forward(weights, spec, x.slice(0, i, i + 1)).equal(whole.slice(0, i, i + 1)))
          << kind << " " << i;
    std::vector<at::Tensor> found(4);
    {
      std::vector<std::jthread> threads;
      for (auto& mine : found)
        threads.emplace_back([&] { mine = apply_feed_forward(weights, spec, x); });
    }
    for (const auto& one : found) EXPECT_TRUE(one.equal(whole));
    // With gradients the GELU's loop is another one, which may round otherwise.
    FeedForwardWeights leaves = weights;
    visit(leaves, "", [](const std::string&, at::Tensor& t) { t = t.clone().requires_grad_(); });
    EXPECT_LT(distance(apply_feed_forward(leaves, spec, x), whole), 1e-5) << kind;
  }
}

TEST(Experts, AreCounted) {
  const FeedForwardSpec spec = spec_of(5, 2);
  const std::int64_t one = kWidth * 9 + 9 + 9 * kWidth + kWidth;
  EXPECT_EQ(feed_forward_parameters(spec, kWidth), 5 * kWidth + 5 * one);
  EXPECT_EQ(active_parameters(spec, kWidth), 5 * kWidth + 2 * one);
  EXPECT_EQ(feed_forward_flops(spec, 3, kWidth), 2 * 3 * (5 * kWidth + 2 * 2 * kWidth * 9));
}

// ---- routing

TEST(Routing, TiesGoToTheLowerExpert) {
  const at::Tensor gate = at::zeros({4, 3}), x = at::ones({1, 2, 3});
  for (const auto type : {at::kFloat, at::kDouble}) {
    const Routing routing = route(gate, x.to(type), {.experts = 4, .chosen = 3});
    EXPECT_TRUE(routing.chosen.equal(at::tensor({0, 1, 2, 0, 1, 2}, at::kLong).view({1, 2, 3})));
  }
}

// Of all numbers of experts and choices: as a stable sort.
TEST(Routing, TakesTheLargestInOrder) {
  for (const int experts : {1, 2, 3, 8, 17, 40})
    for (const int chosen : {1, 2, 3, 8}) {
      if (chosen > experts) continue;
      // Few different values, so that many are equal.
      const at::Tensor x = (drawn({2, 300, 1}, 4) * 2).round(),
                       gate = (drawn({experts, 1}, 5) * 2).round();
      const Routing fast = route(gate, x, {.experts = experts, .chosen = chosen});
      const Routing plain = route(gate, x.to(at::kDouble), {.experts = experts, .chosen = chosen});
      EXPECT_TRUE(fast.chosen.equal(plain.chosen)) << experts << " " << chosen;
      EXPECT_LT(distance(fast.probabilities, plain.probabilities), 1e-6);
      EXPECT_LT(distance(fast.gates, plain.gates), 1e-6);
    }
}

TEST(Routing, StaysInRangeWithoutNumbers) {
  const at::Tensor x = at::full({1, 2, 3}, std::nan(""));
  const Routing routing = route(at::ones({4, 3}), x, {.experts = 4, .chosen = 2});
  EXPECT_TRUE(routing.chosen.equal(at::tensor({0, 1, 0, 1}, at::kLong).view({1, 2, 2})));
  EXPECT_TRUE(routing.gates.isnan().all().item<bool>());
}

TEST(Routing, ComputesInFloat32) {
  const at::Tensor gate = drawn({4, 8}, 1), x = drawn({2, 5, 8}, 2).to(at::kBFloat16);
  const Routing routing = route(gate, x, {.experts = 4, .chosen = 2});
  EXPECT_EQ(routing.logits.scalar_type(), at::kFloat);
  EXPECT_EQ(routing.gates.scalar_type(), at::kFloat);
  const at::Tensor expected = at::linear(x.to(at::kFloat), gate);
  EXPECT_LT(distance(routing.logits, expected), 1e-5);
}

// In bfloat16 the sum has the dtype of the rest, and is near that of float32.
TEST(Experts, ComputeInBfloat16) {
  const FeedForwardSpec spec = spec_of(4, 2);
  FeedForwardWeights weights = weights_of(spec), rounded = weights;
  visit(weights, "mlp", [](const std::string& name, at::Tensor& t) {
    if (!stays_float32(name)) t = t.to(at::kBFloat16);
  });
  visit(rounded, "mlp", [](const std::string& name, at::Tensor& t) {
    if (!stays_float32(name)) t = t.to(at::kBFloat16).to(at::kFloat);
  });
  const at::Tensor x = drawn({2, 5, kWidth}, 3).to(at::kBFloat16);
  const at::Tensor half = apply_feed_forward(weights, spec, x);
  const at::Tensor full = apply_feed_forward(rounded, spec, x.to(at::kFloat));
  EXPECT_EQ(half.scalar_type(), at::kBFloat16);
  EXPECT_LT(distance(half, full), 0.03 * full.abs().max().item<double>());
}

TEST(Routing, CapacityIsFilledByFirstChoices) {
  // Token 0 wants 1 then 0, token 1 wants 0 then 1, token 2 wants 0 then 1.
  const at::Tensor chosen = at::tensor({1, 0, 0, 1, 0, 1}, at::kLong).view({1, 3, 2});
  const auto kept = [&](std::int64_t places) {
    return within_capacity(chosen, 2, places).to(at::kLong).flatten();
  };
  EXPECT_TRUE(kept(3).equal(at::ones({6}, at::kLong)));
  EXPECT_TRUE(kept(2).equal(at::tensor({1, 0, 1, 1, 1, 0}, at::kLong)));
  EXPECT_TRUE(kept(1).equal(at::tensor({1, 0, 1, 0, 0, 0}, at::kLong)));
  EXPECT_EQ(places_of_an_expert({.experts = 4, .chosen = 1, .capacity = 1.1}, 24), 7);
  EXPECT_EQ(places_of_an_expert({.experts = 10, .chosen = 1, .capacity = 1.1}, 100), 11);
}

TEST(Routing, LossesKnowBalance) {
  // Four tokens of a clip, each its own expert, with certainty.
  Routing even{.probabilities = at::eye(4).unsqueeze(0), .chosen = at::arange(4).view({1, 4, 1})};
  EXPECT_NEAR(balance_loss(even).item<double>(), 1, 1e-6);
  Routing one{.probabilities = at::eye(4)[2].expand({1, 4, 4}),
              .chosen = at::full({1, 4, 1}, 2, at::kLong)};
  EXPECT_NEAR(balance_loss(one).item<double>(), 4, 1e-6);
  // Over clips, their mean: two clips that are even together are not balanced.
  Routing two{.probabilities = at::eye(2).view({2, 1, 2}), .chosen = at::arange(2).view({2, 1, 1})};
  EXPECT_NEAR(balance_loss(two).item<double>(), 2, 1e-6);
  Routing logits{.logits = at::zeros({2, 3, 8})};
  EXPECT_NEAR(router_z_loss(logits).item<double>(), std::log(8) * std::log(8), 1e-5);
}

TEST(Routing, TellsLossesWhereTheyAreAsked) {
  const FeedForwardSpec spec = spec_of(4, 2);
  const FeedForwardWeights weights = weights_of(spec);
  const at::Tensor x = drawn({2, 9, kWidth}, 1);
  std::vector<RoutedTokens> routes;
  BlockTrace silent{.routes = &routes}, told{.router = {.balance = 0.5, .z = 0.25}};
  apply_feed_forward(weights, spec, x, &silent);
  apply_feed_forward(weights, spec, x, &told);
  EXPECT_TRUE(silent.losses.empty() && silent.statistics.empty());
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].chosen.sizes(), (at::IntArrayRef{2, 9, 2}));
  ASSERT_EQ(told.losses.size(), 1U);
  ASSERT_EQ(told.statistics.size(), 2U);
  const double balance = told.statistics[0].second.item<double>(),
               z = told.statistics[1].second.item<double>();
  EXPECT_NEAR(told.losses[0].second.item<double>(), 0.5 * balance + 0.25 * z, 1e-5);
}

// ---- in an encoder

EncoderSpec encoder_spec() {
  return read_encoder_spec({{"width", 24},
                            {"depth", 3},
                            {"heads", 4},
                            {"patch", 4},
                            {"frames", 4},
                            {"height", 8},
                            {"image_width", 8},
                            {"experts", 4},
                            {"experts_chosen", 2},
                            {"expert_blocks", {1}}},
                           "a.json");
}

// Of the suite pico's size.
TEST(ExpertsInAnEncoder, ClipsDoNotSeeEachOther) {
  const EncoderSpec spec = read_encoder_spec({{"width", 64},
                                              {"depth", 2},
                                              {"heads", 2},
                                              {"experts", 8},
                                              {"experts_chosen", 2},
                                              {"expert_blocks", {1}}},
                                             "a.json");
  const VitWeights weights = make_vit(spec, Init::xavier, 5);
  const at::Tensor patches = drawn({9, spec.tokens(), spec.patch_values()}, 1);
  const at::Tensor whole = encode(weights, spec, patches);
  for (const std::int64_t i : {0, 4, 8})
    EXPECT_TRUE(encode(weights, spec, patches.slice(0, i, i + 1)).equal(whole.slice(0, i, i + 1)));
}

TEST(ExpertsInAnEncoder, StandInTheirBlocksAlone) {
  VitWeights weights = make_vit(encoder_spec(), Init::xavier, 5);
  std::vector<std::string> names;
  visit(weights, [&](const std::string& name, at::Tensor& t) {
    if (contains(name, "experts") || contains(name, "gate")) {
      names.push_back(name + c10::str(t.sizes()));
    }
  });
  const std::vector<std::string> expected{
      "blocks.1.mlp.gate.weight[4, 24]", "blocks.1.mlp.experts.fc1.weight[4, 48, 24]",
      "blocks.1.mlp.experts.fc1.bias[4, 48]", "blocks.1.mlp.experts.fc2.weight[4, 24, 48]",
      "blocks.1.mlp.experts.fc2.bias[4, 24]"};
  EXPECT_EQ(names, expected);
  EXPECT_TRUE(stays_float32("blocks.1.mlp.gate.weight"));
  EXPECT_FALSE(stays_float32("blocks.1.mlp.experts.fc1.weight"));
}

TEST(ExpertsInAnEncoder, ExpertsAreDrawnApart) {
  VitWeights weights = make_vit(encoder_spec(), Init::xavier, 5);
  const FeedForwardWeights& mlp = weights.blocks[1].mlp;
  EXPECT_FALSE(mlp.fc1.weight[0].equal(mlp.fc1.weight[1]));
  EXPECT_NEAR(mlp.gate.std().item<double>(), 0.02 * std::sqrt(1024.0 / 24), 0.03);
}

}  // namespace experts_test
}  // namespace permafrost
