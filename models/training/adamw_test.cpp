// SPDX-License-Identifier: Apache-2.0
#include "models/training/adamw.h"

#include "models/testing/test_support.h"

namespace permafrost {
namespace adamw_test {

// AdamW as it is written in the paper, in double precision.
struct Expected {
  at::Tensor value, first, second;
  double scale;
  bool decayed;

  void step(const at::Tensor& gradient, int number, double rate, double decay) {
    const at::Tensor g = gradient.to(at::kDouble);
    const double lr = rate * scale;
    if (decayed) value = value * (1 - lr * decay);
    first = 0.9 * first + 0.1 * g;
    second = 0.999 * second + 0.001 * g * g;
    value = value - lr * (first / (1 - std::pow(0.9, number))) /
                        ((second / (1 - std::pow(0.999, number))).sqrt() + 1e-8);
  }
};

NamedTensors parameters() {
  return {{"fc.weight", fill({3, 4}, 1, 1)},
          {"fc.bias", fill({3}, 2, 1)},
          {"norm.weight", fill({4}, 3, 1)},
          {"odd.bias", fill({2, 2}, 4, 1)},
          {"mask_tokens.0", fill({1, 1, 5}, 5, 1)}};
}
const bool kDecayed[] = {true, false, false, false, true};

at::Tensor gradient(std::size_t i, const at::Tensor& like, int step) {
  return fill(like.sizes(), 10.0 * static_cast<double>(i) + step, i == 2 ? 1e-4 : 0.5);
}

TEST(AdamW, MatchesTheFormulaInDoublePrecision) {
  const NamedTensors slow = parameters(), fast = parameters();
  AdamW optimiser;
  optimiser.add(slow, 0.25);
  optimiser.add(fast);
  std::vector<Expected> expected;
  for (const auto& [tensors, scale] : {std::pair{slow, 0.25}, std::pair{fast, 1.0}})
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const at::Tensor value = tensors[i].second.to(at::kDouble);
      expected.push_back({value, at::zeros_like(value), at::zeros_like(value), scale, kDecayed[i]});
    }
  for (int step = 1; step <= 20; ++step) {
    const double rate = 1e-2 / step, decay = 0.1 * step;
    std::vector<at::Tensor> gradients;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      gradients.push_back(gradient(i % 5, expected[i].value, step));
      expected[i].step(gradients.back(), step, rate, decay);
    }
    optimiser.step(gradients, rate, decay);
  }
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_LT(largest_difference(slow[i].second, expected[i].value), 1e-6) << slow[i].first;
    EXPECT_LT(largest_difference(fast[i].second, expected[5 + i].value), 1e-6) << fast[i].first;
  }
  EXPECT_EQ(optimiser.steps(), 20);
}

TEST(AdamW, DecaysOnlyWeightsOfTwoDimensionsAndMore) {
  const NamedTensors before = parameters(), tensors = parameters();
  AdamW optimiser;
  optimiser.add(tensors);
  std::vector<at::Tensor> zero;
  for (const auto& [name, tensor] : tensors) zero.push_back(at::zeros_like(tensor));
  optimiser.step(zero, 0.1, 0.5);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor expected = before[i].second * (kDecayed[i] ? 0.95 : 1.0);
    EXPECT_LT(largest_difference(tensors[i].second, expected), 1e-7) << tensors[i].first;
  }
}

TEST(AdamW, ContinuesFromItsState) {
  const NamedTensors one = parameters(), two = parameters();
  AdamW first, second;
  first.add(one);
  second.add(two);
  const auto step = [](AdamW& optimiser, const NamedTensors& tensors, int number) {
    std::vector<at::Tensor> gradients;
    for (std::size_t i = 0; i < tensors.size(); ++i)
      gradients.push_back(gradient(i, tensors[i].second, number));
    optimiser.step(gradients, 1e-2, 0.1);
  };
  for (int number = 1; number <= 3; ++number) step(first, one, number);
  const NamedTensors state = first.state();
  EXPECT_EQ(state.size(), 10U);
  EXPECT_EQ(state[0].first, "optimizer.first.fc.weight");
  EXPECT_EQ(state[1].first, "optimizer.second.fc.weight");
  for (std::size_t i = 0; i < one.size(); ++i) two[i].second.copy_(one[i].second);
  second.restore(state, first.steps());
  step(first, one, 4);
  step(second, two, 4);
  for (std::size_t i = 0; i < one.size(); ++i)
    EXPECT_TRUE(one[i].second.equal(two[i].second)) << one[i].first;
}

TEST(AdamW, RefusesAStateThatDoesNotFit) {
  AdamW optimiser;
  optimiser.add(parameters());
  NamedTensors state = optimiser.state();
  state[2].second = at::zeros({7});
  const std::string shape = input_error_of([&] { optimiser.restore(state, 1); });
  EXPECT_TRUE(contains(shape, "optimizer.first.fc.bias") && contains(shape, "[3]")) << shape;
  state.erase(state.begin() + 2);
  const std::string missing = input_error_of([&] { optimiser.restore(state, 1); });
  EXPECT_TRUE(contains(missing, "optimizer.first.fc.bias")) << missing;
}

}  // namespace adamw_test
}  // namespace permafrost
