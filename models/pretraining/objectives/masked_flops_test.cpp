// SPDX-License-Identifier: Apache-2.0
// The arithmetic of a step of masked prediction, counted by hand.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/pretraining/objectives/masked_prediction.h"

namespace permafrost {
namespace masked_flops_test {

// Width 2, one block, one head; clips of 2 frames of 4x4 in patches of 2x2x2: 4 tokens of 24
// values.
EncoderSpec tiny() {
  EncoderSpec spec;
  spec.width = 2;
  spec.depth = spec.heads = 1;
  spec.feed_forward.ratio = 3;
  spec.patch = spec.tubelet = spec.frames = 2;
  spec.height = spec.image_width = 4;
  return spec;
}

struct Parts {
  double teacher = 0, context = 0, predictor = 0;
};

Parts parts_of(const std::vector<Mask>& masks, bool teacher = true) {
  const PredictorSpec predictor{.width = 1, .depth = 1, .heads = 1, .outputs = 2};
  const StepFlops flops = masked_flops(tiny(), predictor, masks, teacher);
  EXPECT_EQ(flops.size(), 3U);
  return {number_named(flops, "teacher"), number_named(flops, "context"),
          number_named(flops, "predictor")};
}

Mask mask(std::int64_t samples, std::int64_t context, std::int64_t target) {
  return {at::zeros({samples, context}, at::kLong), at::zeros({samples, target}, at::kLong)};
}

TEST(StepFlops, OfABlockAreThoseOfItsProducts) {
  // 3 tokens, width 2: 3x2 by 2x6 and by 2x2, 3x2 by 2x3 and 3x3 by 3x2, 3x2 by 2x5 and back.
  EXPECT_EQ(block_flops(3, 2, {.width = 5}), 2 * (36 + 12 + 18 + 18 + 30 + 30));
  // Gate and value are 2 layers of 2x5.
  EXPECT_EQ(block_flops(3, 2, {.kind = kSwiglu, .width = 5}), 2 * (36 + 12 + 18 + 18 + 60 + 30));
}

TEST(StepFlops, OfAStepCountedByHand) {
  const Parts flops = parts_of({mask(5, 1, 3)});
  // Teacher, 4 tokens: embedding 2*4*24*2; block 2*(48+16+32+32+48+48).
  EXPECT_EQ(flops.teacher, 5 * (384 + 448));
  // 1 token: embedding 2*1*24*2, once more for its weights; block 2*(12+4+2+2+12+12), three times.
  EXPECT_EQ(flops.context, 5 * (2 * 96 + 3 * 88));
  // 1 token of width 2 to 1, a block of width 1 on 4 tokens, 3 tokens of width 1 to 2.
  EXPECT_EQ(flops.predictor, 5 * 3 * (4 + 2 * (12 + 4 + 16 + 16 + 16 + 16) + 12));
}

TEST(StepFlops, AddUpOverMasksWithOneTeacher) {
  const Parts one = parts_of({mask(2, 1, 3)}), other = parts_of({mask(2, 2, 1)});
  const Parts both = parts_of({mask(2, 1, 3), mask(2, 2, 1)});
  EXPECT_EQ(both.teacher, one.teacher);
  EXPECT_EQ(both.context, one.context + other.context);
  EXPECT_EQ(both.predictor, one.predictor + other.predictor);
}

TEST(StepFlops, PixelTargetsHaveNoTeacher) {
  EXPECT_EQ(parts_of({mask(2, 1, 3)}, false).teacher, 0);
}

}  // namespace masked_flops_test
}  // namespace permafrost
