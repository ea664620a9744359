// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/step_flops.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace permafrost {
namespace {

// Width 2, one block, one head; clips of 2 frames of 4x4 in patches of 2x2x2: 4 tokens of 24
// values.
PretrainConfig tiny() {
  PretrainConfig config;
  config.encoder.width = 2;
  config.encoder.depth = config.encoder.heads = 1;
  config.encoder.mlp_ratio = 3;
  config.encoder.patch = config.encoder.tubelet = config.encoder.frames = 2;
  config.encoder.height = config.encoder.image_width = 4;
  config.predictor = {.width = 1, .depth = 1, .heads = 1, .outputs = 2};
  return config;
}

Mask mask(std::int64_t samples, std::int64_t context, std::int64_t target) {
  return {at::zeros({samples, context}, at::kLong), at::zeros({samples, target}, at::kLong)};
}

TEST(StepFlops, OfABlockAreThoseOfItsProducts) {
  // 3 tokens, width 2: 3x2 by 2x6 and by 2x2, 3x2 by 2x3 and 3x3 by 3x2, 3x2 by 2x5 and back.
  EXPECT_EQ(block_flops(3, 2, 5), 2 * (36 + 12 + 18 + 18 + 30 + 30));
  // Gate and value are 2 layers of 2x5.
  EXPECT_EQ(block_flops(3, 2, 5, Ffn::swiglu), 2 * (36 + 12 + 18 + 18 + 60 + 30));
}

TEST(StepFlops, OfAStepCountedByHand) {
  const StepFlops flops = step_flops(tiny(), {mask(5, 1, 3)});
  // Teacher, 4 tokens: embedding 2*4*24*2; block 2*(48+16+32+32+48+48).
  EXPECT_EQ(flops.teacher, 5 * (384 + 448));
  // 1 token: embedding 2*1*24*2, once more for its weights; block 2*(12+4+2+2+12+12), three times.
  EXPECT_EQ(flops.context, 5 * (2 * 96 + 3 * 88));
  // 1 token of width 2 to 1, a block of width 1 on 4 tokens, 3 tokens of width 1 to 2.
  EXPECT_EQ(flops.predictor, 5 * 3 * (4 + 2 * (12 + 4 + 16 + 16 + 16 + 16) + 12));
  EXPECT_EQ(flops.total(), flops.teacher + flops.context + flops.predictor);
}

TEST(StepFlops, AddUpOverMasksWithOneTeacher) {
  const PretrainConfig config = tiny();
  const StepFlops one = step_flops(config, {mask(2, 1, 3)}),
                  other = step_flops(config, {mask(2, 2, 1)});
  const StepFlops both = step_flops(config, {mask(2, 1, 3), mask(2, 2, 1)});
  EXPECT_EQ(both.teacher, one.teacher);
  EXPECT_EQ(both.context, one.context + other.context);
  EXPECT_EQ(both.predictor, one.predictor + other.predictor);
}

TEST(StepFlops, PixelTargetsHaveNoTeacher) {
  PretrainConfig config = tiny();
  config.objective = Objective::pixel_mae;
  EXPECT_EQ(step_flops(config, {mask(2, 1, 3)}).teacher, 0);
}

}  // namespace
}  // namespace permafrost
