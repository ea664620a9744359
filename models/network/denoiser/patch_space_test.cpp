// SPDX-License-Identifier: Apache-2.0
#include "models/network/denoiser/patch_space.h"

#include "models/network/layers/linear.h"
#include "models/testing/parity_support.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace patch_space_test {

// 2000 patches of 6 values that lie near a plane: two directions of variance 9 and 4, the rest
// 0.01.
at::Tensor near_a_plane() {
  RandomStream stream({.seed = 4, .purpose = "test"});
  const at::Tensor strong = normal_tensor({2000, 2}, 1, stream);
  const at::Tensor first = at::tensor({1.0F, -1.0F, 0.0F, 0.0F, 0.0F, 0.0F}) / std::sqrt(2.0);
  const at::Tensor second = at::tensor({0.0F, 0.0F, 1.0F, 1.0F, 1.0F, 0.0F}) / std::sqrt(3.0);
  return 3 * strong.slice(1, 0, 1) * first + 2 * strong.slice(1, 1, 2) * second +
         normal_tensor({2000, 6}, 0.1, stream) + 7;
}

TEST(PatchSpace, ComponentsAreThoseOfTheLargestVariance) {
  const at::Tensor patches = near_a_plane();
  const PatchSpace space = measured_space(SpaceKind::pca, 2, patches, "test");
  EXPECT_EQ(kind_of(space), SpaceKind::pca);
  ASSERT_EQ(space.components.sizes(), at::IntArrayRef({2, 6}));
  EXPECT_LT(largest_difference(at::mm(space.components, space.components.t()), at::eye(2)), 1e-6);
  EXPECT_NEAR(std::abs(space.components[0][0].item<double>()), std::sqrt(0.5), 0.03);
  EXPECT_NEAR(space.components[1][2].item<double>(), std::sqrt(1.0 / 3), 0.03);
  EXPECT_NEAR(space.scale.item<double>(), std::sqrt(6.5), 0.15);
  EXPECT_NEAR(space.variances[0].item<double>(), 9 / 6.5, 0.08);
  const at::Tensor x = to_coordinates(space, patches);
  EXPECT_LT(x.mean(0).abs().max().item<double>(), 1e-4);
  EXPECT_LT(largest_difference(x.var(0, true), space.variances), 1e-4);
  EXPECT_NEAR(x.var(0, true).mean().item<double>(), 1, 1e-5);
  // The plane comes back, what is off it does not.
  const at::Tensor back = to_patches(space, x);
  EXPECT_LT((back - patches).square().mean().item<double>(), 0.012);
  EXPECT_LT(largest_difference(to_coordinates(space, back), x), 1e-5);
}

// Eigenvectors have no sign of their own: whoever computes them must not decide.
TEST(PatchSpace, TheLargestValueOfAComponentIsPositive) {
  const at::Tensor patches = near_a_plane();
  const PatchSpace space = measured_space(SpaceKind::pca, 6, patches, "test");
  const PatchSpace mirrored = measured_space(SpaceKind::pca, 6, -patches, "test");
  for (int k = 0; k < 6; ++k) {
    const at::Tensor row = space.components[k];
    EXPECT_GT(row[row.abs().argmax().item<std::int64_t>()].item<double>(), 0) << k;
    EXPECT_LT(largest_difference(mirrored.components[k], row), 1e-5) << k;
  }
  // All components: nothing is lost.
  EXPECT_LT(relative(to_patches(space, to_coordinates(space, patches)), patches), 1e-6);
}

TEST(PatchSpace, PixelsAreScaledAlone) {
  const at::Tensor patches = near_a_plane();
  const PatchSpace space = measured_space(SpaceKind::pixel, 32, patches, "test");
  EXPECT_EQ(kind_of(space), SpaceKind::pixel);
  EXPECT_FALSE(space.components.defined() || space.mean.defined());
  const at::Tensor x = to_coordinates(space, patches);
  EXPECT_TRUE(x.equal(patches / space.scale));
  EXPECT_NEAR(x.var(0, true).mean().item<double>(), 1, 1e-5);
  EXPECT_LT(relative(to_patches(space, x), patches), 1e-6);
  // Of independent directions, not of pixels: two of six hold nearly all of the variance.
  ASSERT_EQ(space.variances.size(0), 6);
  EXPECT_NEAR(space.variances.mean().item<double>(), 1, 1e-5);
  EXPECT_GT(space.variances[0].item<double>(), 3.5);
  EXPECT_LT(space.variances[5].item<double>(), 0.02);
}

TEST(PatchSpace, RefusesPatchesThatAreAllTheSame) {
  EXPECT_TRUE(contains(input_error_of([] {
                         measured_space(SpaceKind::pca, 2, at::ones({50, 6}), "a.json");
                       }),
                       "a.json: "));
}

}  // namespace patch_space_test
}  // namespace permafrost
