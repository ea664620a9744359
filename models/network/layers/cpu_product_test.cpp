// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/cpu_product.h"

#include <thread>

#include "models/network/layers/linear.h"
#include "models/testing/drawn_tensor.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace cpu_product_test {

struct Case {
  std::vector<std::int64_t> x;
  std::int64_t out;
  bool bias;
};

const Case kCases[] = {{{3, 144, 64}, 192, true}, {{1, 5}, 3, true},        {{7, 1, 33}, 17, false},
                       {{2, 10, 256}, 64, true},  {{4, 3, 2, 12}, 1, true}, {{100, 48}, 96, false}};

at::Tensor bias_of(const Case& one) { return one.bias ? drawn({one.out}, 3) : at::Tensor(); }

TEST(CpuProduct, IsALinearLayer) {
  for (const auto& one : kCases) {
    const at::Tensor x = drawn(one.x, 1), weight = drawn({one.out, one.x.back()}, 2);
    const at::Tensor bias = bias_of(one);
    if (!has_cpu_product(x, weight, bias)) GTEST_SKIP() << "LibTorch without oneDNN";
    const at::Tensor expected = at::linear(x.to(at::kDouble), weight.to(at::kDouble),
                                           bias.defined() ? bias.to(at::kDouble) : bias);
    const at::Tensor found = cpu_product(x, weight, bias);
    EXPECT_EQ(found.sizes(), expected.sizes());
    EXPECT_LT((found.to(at::kDouble) - expected).abs().max().item<double>(), 1e-4);
    const at::Tensor gelu = cpu_product(x, weight, bias, AfterProduct::gelu);
    EXPECT_LT((gelu.to(at::kDouble) - at::gelu(expected)).abs().max().item<double>(), 1e-4);
  }
}

TEST(CpuProduct, TakesViews) {
  const at::Tensor x = drawn({6, 20, 32}, 1), weight = drawn({48, 32}, 2), bias = drawn({48}, 3);
  if (!has_cpu_product(x, weight, bias)) GTEST_SKIP() << "LibTorch without oneDNN";
  const at::Tensor part = x.slice(1, 3, 9), turned = x.transpose(0, 1);
  const at::Tensor transposed = drawn({32, 48}, 2).t();
  const auto near = [](const at::Tensor& a, const at::Tensor& b) {
    EXPECT_LT((a - b).abs().max().item<double>(), 1e-4);
  };
  near(cpu_product(part, weight, bias), at::linear(part, weight, bias));
  near(cpu_product(turned, weight, bias), at::linear(turned, weight, bias));
  near(cpu_product(x, transposed, bias), at::linear(x, transposed, bias));
}

TEST(CpuProduct, HasTheGradientsOfALinearLayer) {
  for (const auto& one : kCases) {
    std::vector<at::Tensor> leaves{drawn(one.x, 1), drawn({one.out, one.x.back()}, 2)};
    if (one.bias) leaves.push_back(bias_of(one));
    if (!has_cpu_product(leaves[0], leaves[1], {})) GTEST_SKIP() << "LibTorch without oneDNN";
    const auto gradients = [&](at::ScalarType type, const auto& layer) {
      std::vector<at::Tensor> inputs;
      for (const auto& leaf : leaves) inputs.push_back(leaf.to(type).clone().requires_grad_());
      const at::Tensor out = layer(inputs[0], inputs[1], one.bias ? inputs[2] : at::Tensor());
      (at::gelu(out) * at::cos(out)).sum().backward();
      std::vector<at::Tensor> found;
      for (const auto& input : inputs) found.push_back(input.grad().to(at::kDouble));
      return found;
    };
    const auto expected = gradients(at::kDouble, [](const auto& x, const auto& w, const auto& b) {
      return at::linear(x, w, b);
    });
    const auto found = gradients(at::kFloat, [](const auto& x, const auto& w, const auto& b) {
      return cpu_product(x, w, b);
    });
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double scale = 1 + expected[i].abs().max().item<double>();
      EXPECT_LT((found[i] - expected[i]).abs().max().item<double>(), 2e-5 * scale) << i;
    }
  }
}

TEST(CpuProduct, GivesEveryThreadTheSameBits) {
  const at::Tensor x = drawn({2304, 64}, 1), weight = drawn({192, 64}, 2), bias = drawn({192}, 3);
  if (!has_cpu_product(x, weight, bias)) GTEST_SKIP() << "LibTorch without oneDNN";
  const at::Tensor expected = cpu_product(x, weight, bias);
  std::vector<at::Tensor> found(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : found) threads.emplace_back([&] { mine = cpu_product(x, weight, bias); });
  }
  for (const auto& one : found) EXPECT_TRUE(one.equal(expected));
}

TEST(CpuProduct, LeavesOtherKindsToLibTorch) {
  const at::Tensor weight = drawn({4, 8}, 2);
  EXPECT_FALSE(has_cpu_product(at::zeros({0, 8}), weight, {}));
  EXPECT_FALSE(has_cpu_product(at::zeros({2, 8}, at::kDouble), weight, {}));
  EXPECT_FALSE(has_cpu_product(at::zeros({2, 8}), weight.to(at::kBFloat16), {}));
  EXPECT_EQ(apply_linear({weight, {}}, at::zeros({0, 8})).sizes(), (at::IntArrayRef{0, 4}));
}

}  // namespace cpu_product_test
}  // namespace permafrost
