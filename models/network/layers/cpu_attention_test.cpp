// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/cpu_attention.h"

#include "models/network/layers/attention.h"
#include "models/testing/drawn_tensor.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace cpu_attention_test {

// softmax(q k' / sqrt(d)) v, written out in float64.
at::Tensor written_out(const at::Tensor& qkv, std::int64_t heads, std::int64_t first) {
  const auto b = qkv.size(0), n = qkv.size(1), size = qkv.size(2) / (3 * heads);
  const auto parts = qkv.view({b, n, 3, heads, size}).permute({2, 0, 3, 1, 4});
  const at::Tensor q = parts[0].slice(2, first, n), k = parts[1], v = parts[2];
  const at::Tensor weights =
      at::softmax(at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(size)), -1);
  return at::matmul(weights, v).transpose(1, 2).reshape({b, n - first, heads * size});
}

struct Case {
  std::int64_t batch, tokens, heads, size, first;
};
const Case kCases[] = {{2, 144, 2, 32, 0}, {3, 18, 1, 12, 0}, {1, 1, 2, 4, 0},
                       {2, 37, 3, 5, 20},  {1, 256, 1, 8, 0}, {2, 16, 2, 16, 15}};

TEST(CpuAttention, IsAttentionWithItsGradient) {
  for (const auto& one : kCases) {
    const at::Tensor values = drawn({one.batch, one.tokens, 3 * one.heads * one.size}, 1);
    const auto run = [&](at::ScalarType type, const auto& layer) {
      const at::Tensor qkv = values.to(type).clone().requires_grad_();
      const at::Tensor out = layer(qkv, one.heads, one.first);
      (out * at::cos(at::arange(out.numel(), out.options()).view(out.sizes()))).sum().backward();
      return std::pair(out.detach().to(at::kDouble), qkv.grad().to(at::kDouble));
    };
    const auto [expected, expected_gradient] = run(at::kDouble, written_out);
    const auto [found, gradient] = run(at::kFloat, cpu_attention);
    ASSERT_EQ(found.sizes(), expected.sizes());
    EXPECT_LT((found - expected).abs().max().item<double>(), 2e-6);
    EXPECT_LT((gradient - expected_gradient).abs().max().item<double>(), 5e-6);
  }
}

TEST(CpuAttention, GivesTheSameBytesWithoutGradients) {
  const at::Tensor qkv = drawn({2, 30, 48}, 1);
  const at::Tensor trained = cpu_attention(qkv.clone().requires_grad_(), 2, 3);
  EXPECT_TRUE(cpu_attention(qkv, 2, 3).equal(trained.detach()));
}

TEST(CpuAttention, LargeScoresDoNotOverflow) {
  const at::Tensor qkv = drawn({1, 20, 24}, 1) * 1000;
  const at::Tensor out = cpu_attention(qkv, 1, 0);
  EXPECT_TRUE(at::isfinite(out).all().item<bool>());
  const at::Tensor expected = written_out(qkv.to(at::kDouble), 1, 0);
  EXPECT_LT((out.to(at::kDouble) - expected).abs().max().item<double>(), 1);  // of values of 1000
}

TEST(CpuAttention, IsForTrainingAndForFewTokens) {
  const at::Tensor qkv = drawn({1, 20, 24}, 1);
  EXPECT_FALSE(has_cpu_attention(qkv)) << "features on record keep their bits";
  EXPECT_TRUE(has_cpu_attention(qkv.clone().requires_grad_()));
  EXPECT_FALSE(has_cpu_attention(qkv.to(at::kBFloat16).requires_grad_()));
  EXPECT_FALSE(has_cpu_attention(drawn({1, kMostAttended + 1, 6}, 1).requires_grad_()));
  {
    const AttentionWithoutGradients scope;
    EXPECT_TRUE(has_cpu_attention(qkv));
  }
  EXPECT_FALSE(has_cpu_attention(qkv));
}

}  // namespace cpu_attention_test
}  // namespace permafrost
