// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/feature_health.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace permafrost {
namespace feature_health_test {

TEST(FeatureHealth, CountsTheDirectionsThatFeaturesUse) {
  const at::Tensor line = at::outer(at::arange(10, at::kFloat), at::tensor({1.0F, 2.0F, 3.0F}));
  EXPECT_NEAR(effective_rank(line), 1, 1e-6);
  // The corners of an octahedron: the same spread along each of 3 axes, whatever the offset.
  const at::Tensor axes = at::cat({at::eye(3), -at::eye(3)});
  EXPECT_NEAR(effective_rank(axes + 5), 3, 1e-6);
  // Variances 4 : 1, so shares 0.8 and 0.2.
  const at::Tensor ellipse = at::tensor({2.0F, 0.0F, -2.0F, 0.0F, 0.0F, 1.0F, 0.0F, -1.0F});
  EXPECT_NEAR(effective_rank(ellipse.view({4, 2})),
              std::exp(-.8 * std::log(.8) - .2 * std::log(.2)), 1e-6);
  EXPECT_EQ(effective_rank(at::ones({4, 3})), 1);  // collapsed
}

TEST(FeatureHealth, TellsPositionsFromContent) {
  // Two samples, four tokens: every token is another corner of a square, in both samples the same.
  const at::Tensor corners =
      at::tensor({1.0F, 1.0F, -1.0F, 1.0F, 1.0F, -1.0F, -1.0F, -1.0F}).view({1, 4, 2});
  const FeatureHealth positions = feature_health(corners.repeat({2, 1, 1}));
  EXPECT_NEAR(positions.deviation, std::sqrt(8.0 / 7), 1e-6);
  EXPECT_EQ(positions.deviation_at_place, 0);
  EXPECT_NEAR(positions.deviation_in_clip, std::sqrt(4.0 / 3), 1e-6);
  EXPECT_NEAR(positions.rank, 2, 1e-6);
  const FeatureHealth content = feature_health(at::cat({corners, -corners}));
  EXPECT_NEAR(content.deviation_at_place, std::sqrt(2.0), 1e-6);
  // Every clip says one thing at all its tokens.
  const FeatureHealth clips = feature_health(corners.permute({1, 0, 2}).expand({4, 3, 2}));
  EXPECT_GT(clips.deviation, 1);
  EXPECT_EQ(clips.deviation_in_clip, 0);
  const FeatureHealth collapsed = feature_health(at::ones({2, 4, 2}, at::kBFloat16));
  EXPECT_EQ(collapsed.deviation, 0);
  EXPECT_EQ(collapsed.rank, 1);
}

}  // namespace feature_health_test
}  // namespace permafrost
