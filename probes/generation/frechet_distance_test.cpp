// SPDX-License-Identifier: Apache-2.0
#include "probes/generation/frechet_distance.h"

#include "models/network/layers/linear.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace frechet_distance_test {

at::Tensor doubles(std::initializer_list<double> values) {
  return at::tensor(std::vector<double>(values), at::kDouble);
}

GaussianFit diagonal(const at::Tensor& mean, const at::Tensor& deviations) {
  return {mean, at::diag(deviations.square())};
}

// Turned by 30 degrees in the plane of axes 0 and 1.
at::Tensor turn() {
  const double c = std::sqrt(0.75), s = 0.5;
  return doubles({c, -s, 0, s, c, 0, 0, 0, 1}).view({3, 3});
}

// Of independent numbers it is the sum over axes of (m1 - m2)^2 + (s1 - s2)^2.
TEST(FrechetDistance, OfIndependentNumbers) {
  const GaussianFit a = diagonal(doubles({1, 0, -2}), doubles({1, 2, 3}));
  const GaussianFit b = diagonal(doubles({1, 3, -2}), doubles({1, 0.5, 5}));
  EXPECT_NEAR(frechet_distance(a, b), 9 + 2.25 + 4, 1e-12);
  EXPECT_NEAR(frechet_distance(b, a), 9 + 2.25 + 4, 1e-12);
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-12);
}

// Covariances that do not commute: of 2x2 matrices tr((C1 C2)^1/2) = (tr(C1 C2) + 2 (det C1 det
// C2)^1/2)^1/2.
TEST(FrechetDistance, OfNumbersThatDependOnEachOther) {
  const at::Tensor c1 = doubles({2, 0.6, 0.6, 1}).view({2, 2});
  const at::Tensor c2 = doubles({1, -0.4, -0.4, 0.5}).view({2, 2});
  const double common =
      std::sqrt(at::mm(c1, c2).trace().item<double>() + 2 * std::sqrt((2 - 0.36) * (0.5 - 0.16)));
  const GaussianFit a{doubles({0, 1}), c1}, b{doubles({2, 1}), c2};
  EXPECT_NEAR(frechet_distance(a, b), 4 + 3 + 1.5 - 2 * common, 1e-12);
}

TEST(FrechetDistance, DoesNotDependOnTheAxes) {
  const GaussianFit a = diagonal(doubles({1, 0, -2}), doubles({1, 2, 3}));
  GaussianFit b = diagonal(doubles({0, 3, 1}), doubles({2, 0.5, 5}));
  b.covariance = at::mm(at::mm(turn(), b.covariance), turn().t());
  const auto turned = [](const GaussianFit& fit) {
    const at::Tensor q = at::mm(turn(), turn());
    return GaussianFit{at::mv(q, fit.mean), at::mm(at::mm(q, fit.covariance), q.t())};
  };
  EXPECT_NEAR(frechet_distance(turned(a), turned(b)), frechet_distance(a, b), 1e-10);
}

// Fewer samples than numbers, or a number that never changes: some variances are 0.
TEST(FrechetDistance, TakesFlatGaussians) {
  const GaussianFit flat = diagonal(doubles({0, 0, 0}), doubles({1, 0, 0}));
  const GaussianFit other = diagonal(doubles({0, 0, 0}), doubles({0, 2, 0}));
  EXPECT_NEAR(frechet_distance(flat, other), 5, 1e-10);
  EXPECT_NEAR(frechet_distance(flat, flat), 0, 1e-10);
}

TEST(FrechetDistance, FitsMeanAndCovariance) {
  const GaussianFit fit = gaussian_of(at::tensor({1.0F, 2.0F, 3.0F, 6.0F}).view({2, 2}));
  EXPECT_LT(largest_difference(fit.mean, doubles({2, 4})), 1e-12);
  EXPECT_LT(largest_difference(fit.covariance, doubles({2, 4, 4, 8}).view({2, 2})), 1e-12);
  EXPECT_TRUE(contains(input_error_of([] { gaussian_of(at::zeros({1, 4})); }), "at least 2 clips"));
}

// Two sets of one distribution come nearer to each other with more samples, and a shift shows.
TEST(FrechetDistance, IsSmallBetweenSetsOfOneKind) {
  const auto drawn = [](std::uint64_t seed, std::int64_t n) {
    RandomStream stream({.seed = seed, .purpose = "test"});
    return normal_tensor({n, 8}, 1, stream);
  };
  const double few = frechet_distance(gaussian_of(drawn(1, 100)), gaussian_of(drawn(2, 100)));
  const double many = frechet_distance(gaussian_of(drawn(1, 4000)), gaussian_of(drawn(2, 4000)));
  EXPECT_LT(many, few / 10);
  EXPECT_NEAR(frechet_distance(gaussian_of(drawn(1, 4000)), gaussian_of(drawn(2, 4000) + 0.5)),
              8 * 0.25, 0.2);
}

}  // namespace frechet_distance_test
}  // namespace permafrost
