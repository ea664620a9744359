// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace permafrost {
namespace kernels_test {

using Values = std::vector<float>;

std::size_t places(std::int64_t count) { return static_cast<std::size_t>(count); }

// Different numbers between -1 and 1.
Values numbers(std::int64_t count, double phase) {
  Values values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>(std::sin(phase + 1.7 * static_cast<double>(i))));
  return values;
}

class KernelsTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& k = *GetParam();
};

TEST_P(KernelsTest, ProductsOfAllSizes) {
  for (const std::int64_t rows : {1, 2, 5, 6, 7, 13, 40})
    for (const std::int64_t columns : {1, 3, 8, 16, 31, 64, 83, 144})
      for (const std::int64_t depth : {1, 7, 64, 300})
        for (const bool turned : {false, true})
          for (const bool add : {false, true}) {
            const Values a = numbers(rows * depth, 1), b = numbers(depth * (columns + 2), 2);
            Values c = numbers(rows * (columns + 1), 3);
            const Values before = c;
            const std::int64_t a_row = turned ? 1 : depth, a_depth = turned ? rows : 1;
            k.product({.rows = rows,
                       .columns = columns,
                       .depth = depth,
                       .a = a.data(),
                       .a_row = a_row,
                       .a_depth = a_depth,
                       .b = b.data(),
                       .b_row = columns + 2,
                       .c = c.data(),
                       .c_row = columns + 1,
                       .add = add});
            for (std::int64_t i = 0; i < rows; ++i) {
              for (std::int64_t j = 0; j < columns; ++j) {
                double sum = add ? before[places(i * (columns + 1) + j)] : 0;
                for (std::int64_t d = 0; d < depth; ++d)
                  sum += static_cast<double>(a[places(i * a_row + d * a_depth)]) *
                         b[places(d * (columns + 2) + j)];
                ASSERT_NEAR(c[places(i * (columns + 1) + j)], sum, 1e-5 + 1e-6 * std::abs(sum))
                    << rows << "x" << columns << "x" << depth;
              }
              // What lies between the rows stays.
              ASSERT_EQ(c[places(i * (columns + 1) + columns)],
                        before[places(i * (columns + 1) + columns)]);
            }
          }
}

TEST_P(KernelsTest, AProductOfDepthZeroIsZero) {
  Values c(20, 3);
  k.product({.rows = 1, .columns = 20, .depth = 0, .c = c.data(), .c_row = 20});
  EXPECT_EQ(c, Values(20, 0));
}

TEST_P(KernelsTest, TransposesAndFillsUpWithZeros) {
  for (const std::int64_t rows : {1, 4, 15, 16, 33, 144})
    for (const std::int64_t columns : {1, 8, 21, 64}) {
      const std::int64_t to_row = rows + 5;
      const Values from = numbers(rows * columns, 1);
      Values to(places(columns * to_row), 7);
      k.transpose(from.data(), columns, rows, columns, to.data(), to_row);
      for (std::int64_t j = 0; j < columns; ++j)
        for (std::int64_t i = 0; i < to_row; ++i)
          ASSERT_EQ(to[places(j * to_row + i)], i < rows ? from[places(i * columns + j)] : 0);
    }
}

TEST_P(KernelsTest, ASoftmaxInBlocksIsTheSoftmax) {
  constexpr std::int64_t kCount = 37, kRow = 48, kWidth = 5;
  // The largest score lies in the second block; in the last row everything is far below zero.
  for (const double shift : {0.0, -500.0, 300.0}) {
    Values scores = numbers(2 * kCount, 1);
    for (float& s : scores) s = 20 * s + static_cast<float>(shift);
    scores[20] = 60 + static_cast<float>(shift);
    float largest = -std::numeric_limits<float>::infinity(), sum = 0;
    Values weighted(kWidth, 0);
    double expected = 0, expected_weighted = 0;
    const double most = *std::max_element(scores.begin(), scores.begin() + kCount);
    for (std::int64_t i = 0; i < kCount; ++i) {
      const double e = std::exp(scores[places(i)] - most);
      expected += e;
      expected_weighted += e * static_cast<double>(i);
    }
    for (const auto& [from, count] : {std::pair<std::int64_t, std::int64_t>{0, 18}, {18, 19}}) {
      Values block(kRow, 9);
      std::copy_n(scores.begin() + from, count, block.begin());
      k.softmax_block({.rows = 1,
                       .count = count,
                       .scores = block.data(),
                       .scores_row = kRow,
                       .largest = &largest,
                       .sum = &sum,
                       .weighted = weighted.data(),
                       .weighted_row = kWidth,
                       .width = kWidth});
      for (std::int64_t i = count; i < kRow; ++i) ASSERT_EQ(block[places(i)], 0);
      for (std::int64_t i = 0; i < count; ++i)
        for (float& w : weighted) w += block[places(i)] * static_cast<float>(from + i);
    }
    EXPECT_EQ(largest, static_cast<float>(most));
    EXPECT_NEAR(sum, expected, 1e-6 * expected);
    for (const float w : weighted) EXPECT_NEAR(w, expected_weighted, 1e-5 * expected_weighted);
  }
}

TEST_P(KernelsTest, ASoftmaxTellsThatAScoreIsNotANumber) {
  Values scores = numbers(16, 1);
  scores[3] = std::nanf("");
  float largest = -std::numeric_limits<float>::infinity(), sum = 0;
  k.softmax_block({.rows = 1,
                   .count = 16,
                   .scores = scores.data(),
                   .scores_row = 16,
                   .largest = &largest,
                   .sum = &sum});
  EXPECT_TRUE(std::isnan(sum));
}

TEST_P(KernelsTest, GeluAndItsDerivativeAreRightTo1e6) {
  for (double x = -12; x < 12; x += 0.00973) {
    Values value(7, static_cast<float>(x - 0.25)), derivative(7);
    const Values bias(7, 0.25F);
    k.gelu(value.data(), bias.data(), 1, 7, derivative.data());
    const double below = 0.5 * std::erfc(-x / std::sqrt(2.0));
    const double bell = std::exp(-x * x / 2) / std::sqrt(2 * 3.14159265358979323846);
    ASSERT_NEAR(value[0], x * below, 1.5e-6) << x;
    ASSERT_NEAR(derivative[6], below + x * bell, 1.5e-6) << x;
  }
}

TEST_P(KernelsTest, AddsRowsWithTheirFactors) {
  for (const std::int64_t width : {1, 5, 16, 35}) {
    const Values one = numbers(width, 1), two = numbers(width, 2), bias = numbers(width, 3),
                 zero(places(width), 0.0F);
    const float* rows[] = {one.data(), two.data()};
    const float* biases[] = {bias.data(), zero.data()};
    const float factors[] = {0.25F, -2.0F};
    Values to(places(width + 1), 7.0F);
    k.weighted_sum(rows, biases, factors, 2, width, to.data());
    for (std::size_t i = 0; i < places(width); ++i)
      EXPECT_NEAR(to[i], 0.25 * (one[i] + bias[i]) - 2.0 * two[i], 1e-6);
    k.weighted_sum(rows, nullptr, factors, 1, width, to.data());
    for (std::size_t i = 0; i < places(width); ++i) EXPECT_NEAR(to[i], 0.25 * one[i], 1e-6);
    EXPECT_EQ(to[places(width)], 7.0F);
  }
}

TEST_P(KernelsTest, GatesAGradient) {
  for (const std::int64_t count : {1, 7, 48, 83}) {
    const Values states = numbers(count, 1), derivative = numbers(count, 2), g = numbers(count, 3);
    Values gradient = g;
    double expected = 0;
    for (std::size_t i = 0; i < g.size(); ++i) expected += static_cast<double>(g[i]) * states[i];
    EXPECT_NEAR(k.gated_gradient(0.5F, states.data(), derivative.data(), count, gradient.data()),
                expected, 1e-5);
    for (std::size_t i = 0; i < g.size(); ++i)
      EXPECT_NEAR(gradient[i], 0.5 * g[i] * derivative[i], 1e-6);
  }
}

TEST_P(KernelsTest, AdamWIsItsFormula) {
  constexpr std::int64_t kCount = 35;
  Values value = numbers(kCount, 1), first = numbers(kCount, 2), second = numbers(kCount, 3);
  for (float& s : second) s = s * s;
  const Values gradient = numbers(kCount, 4), w = value, m = first, v = second;
  k.adamw({.scale = 0.5F, .rate = 0.01F, .decay = 0.3F, .bias1 = 0.19F, .bias2 = 0.002F}, kCount,
          value.data(), gradient.data(), first.data(), second.data());
  for (std::size_t i = 0; i < places(kCount); ++i) {
    const double g = 0.5 * gradient[i], moment = 0.9 * m[i] + 0.1 * g;
    const double square = 0.999 * v[i] + 0.001 * g * g;
    EXPECT_NEAR(first[i], moment, 1e-6);
    EXPECT_NEAR(second[i], square, 1e-6);
    EXPECT_NEAR(value[i],
                w[i] * (1 - 0.003) - 0.01 * (moment / 0.19) / (std::sqrt(square / 0.002) + 1e-8),
                1e-6);
  }
}

TEST(Kernels, FollowTheInstructionSetOfLibTorch) {
  const auto all = runnable_kernels();
  EXPECT_EQ(kernels_for("DEFAULT").name, std::string("plain"));
  EXPECT_EQ(&kernels_for("AVX2"), all[std::min<std::size_t>(1, all.size() - 1)]);
  EXPECT_EQ(&kernels_for("AVX512"), all.back());
}

INSTANTIATE_TEST_SUITE_P(Every, KernelsTest, testing::ValuesIn(runnable_kernels()),
                         [](const auto& each) { return std::string(each.param->name); });

}  // namespace kernels_test
}  // namespace permafrost
