// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/biased_product.h"

#include "models/testing/test_support.h"

namespace permafrost {
namespace biased_product_test {

struct Inputs {
  at::Tensor x = fill({2, 3, 5}, 1, 1), weight = fill({4, 5}, 2, 1).requires_grad_(true),
             bias = fill({4}, 3, 1).requires_grad_(true);
};

// The product, and the gradients of a weighted sum of it.
template <typename Product>
std::vector<at::Tensor> results_of(const Inputs& inputs, const Product& product) {
  const at::Tensor y = product(inputs.x, inputs.weight, inputs.bias);
  (y * fill({2, 3, 4}, 4, 1)).sum().backward();
  return {y.detach(), inputs.weight.grad(), inputs.bias.grad(), inputs.x.grad()};
}

void expect_what_linear_gives(bool input_wants_gradient) {
  Inputs ours, theirs;
  for (auto* inputs : {&ours, &theirs}) inputs->x.set_requires_grad(input_wants_gradient);
  const auto found = results_of(ours, biased_product);
  const auto expected = results_of(theirs, [](const auto& x, const auto& weight, const auto& bias) {
    return at::linear(x, weight, bias);
  });
  for (std::size_t i = 0; i < (input_wants_gradient ? 4U : 3U); ++i)
    EXPECT_LT(largest_difference(found[i], expected[i]), 1e-6) << i;
  EXPECT_EQ(found[3].defined(), input_wants_gradient);
}

TEST(BiasedProduct, IsWhatLinearGives) { expect_what_linear_gives(true); }

TEST(BiasedProduct, OfAnInputThatWantsNoGradient) { expect_what_linear_gives(false); }

TEST(BiasedProduct, CanBeAddedToInPlace) {
  Inputs inputs;
  const at::Tensor y = biased_product(inputs.x, inputs.weight, inputs.bias);
  EXPECT_FALSE(y.is_view());
  y.add_(1.0).sum().backward();
  EXPECT_TRUE(inputs.bias.grad().equal(at::full({4}, 6.0)));
}

}  // namespace biased_product_test
}  // namespace permafrost
