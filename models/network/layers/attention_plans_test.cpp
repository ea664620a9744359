// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/attention_plans.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/testing/test_support.h"

namespace permafrost {
namespace attention_plans_test {

// The calls of `shape` before the first that is worth a plan, `most` where none is.
int calls_before_a_plan(const AttentionShape& shape, int most) {
  AttentionPlans plans;
  for (int call = 0; call < most; ++call)
    if (plans.pays(shape)) return call;
  return most;
}

TEST(AttentionPlans, OfAPredictorOfViTBPayAfterSomeSteps) {
  // 12 blocks of 12 heads of 32 values.
  const int calls = calls_before_a_plan({64, 12, 1100, 1100, 32}, 12 * 1000);
  EXPECT_GT(calls, 12 * 5);
  EXPECT_LT(calls, 12 * 50);
  EXPECT_LT(calls_before_a_plan({256, 12, 1100, 1100, 32}, 12 * 1000), calls / 3);
}

TEST(AttentionPlans, OfPicoPredictorsNeverPay) {
  // Blocks and steps of a run over a million clips, had all of its masks one size.
  EXPECT_EQ(calls_before_a_plan({512, 2, 144, 144, 32}, 2 * 1954), 2 * 1954);
}

TEST(AttentionPlans, PayForAShapeByItself) {
  AttentionPlans plans;
  const AttentionShape often{64, 12, 1100, 1100, 32}, seldom{64, 12, 1100, 1101, 32};
  while (!plans.pays(often)) {
  }
  EXPECT_FALSE(plans.pays(seldom));
  EXPECT_TRUE(plans.pays(often));
}

TEST(MixtureOfValues, IsTheSameInAScopeOfChangingShapes) {
  const at::Tensor q = fill({2, 3, 4, 8}, 1, 1), k = fill({2, 3, 7, 8}, 2, 1),
                   v = fill({2, 3, 7, 8}, 3, 1);
  const at::Tensor plain = mixture_of_values(q, k, v);
  const ChangingShapes scope;
  EXPECT_TRUE(mixture_of_values(q, k, v).equal(plain));
  const at::Tensor weights = at::softmax(at::matmul(q, k.transpose(2, 3)) / std::sqrt(8.0), -1);
  EXPECT_LT(largest_difference(plain, at::matmul(weights, v)), 1e-6);
}

}  // namespace attention_plans_test
}  // namespace permafrost
