// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/box_pooling.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "datasets/synthetic/source.h"

namespace permafrost {
namespace box_pooling_test {

// 2 time steps of 2x3 patches.
EncoderSpec spec() {
  EncoderSpec s;
  s.frames = 4;
  s.height = 16;
  s.image_width = 24;
  s.tubelet = 2;
  s.patch = 8;
  return s;
}

TEST(BoxPooling, WeighsPatchesByTheAreaInTheBox) {
  const at::Tensor tokens = at::arange(12, at::kFloat).view({1, 12, 1});
  const auto pooled = [&](const Box& box) {
    return pooled_in_boxes(tokens, spec(), std::span(&box, 1)).flatten();
  };
  EXPECT_TRUE(at::allclose(pooled({0, 0, 1, 1}), at::tensor({2.5F, 8.5F})));
  // The lower right patch alone.
  EXPECT_TRUE(at::allclose(pooled({2.0F / 3, 0.5F, 1, 1}), at::tensor({5.0F, 11.0F})));
  // Half of patch 0 and a whole patch 1, upper row: (0 / 2 + 1) / 1.5.
  EXPECT_TRUE(
      at::allclose(pooled({1.0F / 6, 0, 2.0F / 3, 0.5F}), at::tensor({1 / 1.5F, 6 + 1 / 1.5F})));
  // Smaller than a patch.
  EXPECT_TRUE(at::allclose(pooled({0.4F, 0.6F, 0.5F, 0.7F}), at::tensor({4.0F, 10.0F})));
}

TEST(BoxPooling, GradientsReachTheTokensOfTheBoxAlone) {
  const at::Tensor tokens = at::rand({1, 12, 2}).requires_grad_(true);
  const Box box{0, 0, 1.0F / 3, 0.5F};
  pooled_in_boxes(tokens, spec(), std::span(&box, 1)).sum().backward();
  const at::Tensor touched = tokens.grad().abs().sum(2).flatten().nonzero().flatten();
  EXPECT_TRUE(touched.equal(at::tensor({0L, 6L})));
}

TEST(BoxPooling, AsksForABoxAClip) {
  EXPECT_THROW(pooled_in_boxes(at::zeros({1, 12, 1}), spec(), {}), Error);
  const std::vector<std::int64_t> samples{2, 5};
  using synthetic::TaskSource;
  const TaskSource boxed(synthetic::SyntheticTask::localised_action, synthetic::Split::train, 8,
                         {4, 16, 24});
  const auto boxes = boxes_of(boxed, samples, 2);
  ASSERT_EQ(boxes.size(), 4U);
  EXPECT_EQ(boxes[1], *boxed.target(2).box());
  EXPECT_EQ(boxes[2], *boxed.target(5).box());
  const TaskSource plain(synthetic::SyntheticTask::motion, synthetic::Split::train, 8, {4, 16, 24});
  EXPECT_TRUE(boxes_of(plain, samples).empty());
}

}  // namespace box_pooling_test
}  // namespace permafrost
