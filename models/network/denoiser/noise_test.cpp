// SPDX-License-Identifier: Apache-2.0
#include "models/network/denoiser/noise.h"

#include "models/testing/test_support.h"

namespace permafrost {
namespace noise_test {

DenoiserSpec spec_of(Parametrisation parametrisation) {
  DenoiserSpec spec;
  spec.parametrisation = parametrisation;
  return spec;
}

// The mean over levels of the floor at variance s.
double mean_floor(Parametrisation parametrisation, double s) {
  std::vector<NoiseLevel> levels;
  for (int i = 0; i < 1000; ++i)
    levels.push_back(parametrisation == Parametrisation::flow
                         ? level_at(spec_of(parametrisation), (i + 0.5) / 1000)
                         : level_of_step(i));
  return error_without_neighbours(parametrisation, at::full({1}, s, at::kFloat), level_rows(levels))
      .mean()
      .item<double>();
}

// Worked out beside this code: the integral over tau, the mean over DDPM's steps.
TEST(Noise, ErrorWithoutNeighbours) {
  EXPECT_NEAR(mean_floor(Parametrisation::flow, 1), 1.571, 1e-3);
  EXPECT_NEAR(mean_floor(Parametrisation::flow, 0.5), 1.111, 1e-3);
  EXPECT_NEAR(mean_floor(Parametrisation::flow, 0.25), 0.785, 1e-3);
  EXPECT_NEAR(mean_floor(Parametrisation::eps, 1), 0.276, 1e-3);
  EXPECT_NEAR(mean_floor(Parametrisation::eps, 0.5), 0.221, 1e-3);
  EXPECT_NEAR(mean_floor(Parametrisation::eps, 0.25), 0.173, 1e-3);
}

// Coordinates of different variance: each has its floor, not their mean variance one.
TEST(Noise, ErrorWithoutNeighboursIsOfEachCoordinate) {
  const at::Tensor rows = level_rows({level_at(spec_of(Parametrisation::flow), 0.5)});
  const at::Tensor both =
      error_without_neighbours(Parametrisation::flow, at::tensor({1.75F, 0.25F}), rows);
  const double one = 1.75 / (0.25 * 1.75 + 0.25), other = 0.25 / (0.25 * 0.25 + 0.25);
  EXPECT_NEAR(both[0].item<double>(), (one + other) / 2, 1e-6);
}

// The best linear answer of Gaussian numbers has that error, measured.
TEST(Noise, ErrorWithoutNeighboursIsThatOfTheBestLinearAnswer) {
  RandomStream stream({.seed = 1, .purpose = "test"});
  const std::int64_t n = 200000;
  const double s = 0.6;
  const at::Tensor x0 = normal_tensor({1, n, 1}, std::sqrt(s), stream);
  const at::Tensor e = normal_tensor({1, n, 1}, 1, stream);
  for (const Parametrisation parametrisation : {Parametrisation::flow, Parametrisation::eps})
    for (const double tau : {0.1, 0.5, 0.9}) {
      const at::Tensor rows = level_rows({level_at(spec_of(parametrisation), tau)});
      const at::Tensor x = noised(x0, e, rows), target = target_of(parametrisation, x0, e);
      const at::Tensor slope = (x * target).sum() / x.square().sum();
      const double error = (target - slope * x).square().mean().item<double>();
      const double floor =
          error_without_neighbours(parametrisation, at::full({1}, s, at::kFloat), rows)
              .item<double>();
      EXPECT_NEAR(error / floor, 1, 0.02) << tau;
    }
}

TEST(Noise, LevelsOfTheStraightPath) {
  const NoiseLevel level = level_at(spec_of(Parametrisation::flow), 0.2);
  EXPECT_DOUBLE_EQ(level.time, 200);
  EXPECT_DOUBLE_EQ(level.signal, 0.8);
  EXPECT_DOUBLE_EQ(level.noise, 0.2);
}

// tau is noise over noise and signal: the steps with the ratios 0.047, 0.176 ... 12.
TEST(Noise, LevelsOfDdpmAreFoundByTheirNoise) {
  const DenoiserSpec spec = spec_of(Parametrisation::eps);
  const std::pair<int, double> known[] = {{10, 0.04},  {50, 0.15},  {100, 0.25},
                                          {200, 0.42}, {400, 0.67}, {700, 0.92}};
  for (const auto& [step, tau] : known) {
    EXPECT_NEAR(level_of_step(step).tau, tau, 0.006) << step;
    EXPECT_DOUBLE_EQ(level_at(spec, level_of_step(step).tau).time, step);
  }
  EXPECT_DOUBLE_EQ(level_at(spec, 0).time, 0);
  EXPECT_DOUBLE_EQ(level_at(spec, 1).time, 999);
  const NoiseLevel half = level_of_step(259);
  EXPECT_NEAR(half.signal * half.signal, 0.5, 0.003);
}

TEST(Noise, MixesClipAndNoiseByTheLevelOfEveryClip) {
  const DenoiserSpec spec = spec_of(Parametrisation::flow);
  const at::Tensor rows = level_rows({level_at(spec, 0), level_at(spec, 0.25), level_at(spec, 1)});
  const at::Tensor x0 = fill({3, 2, 4}, 0, 1), e = fill({3, 2, 4}, 5, 1);
  const at::Tensor x = noised(x0, e, rows);
  EXPECT_TRUE(x[0].equal(x0[0]));
  EXPECT_LT(largest_difference(x[1], 0.75 * x0[1] + 0.25 * e[1]), 1e-6);
  EXPECT_TRUE(x[2].equal(e[2]));
  EXPECT_TRUE(times_of(rows).equal(at::tensor({0.0F, 250.0F, 1000.0F})));
  EXPECT_TRUE(target_of(Parametrisation::flow, x0, e).equal(e - x0));
  EXPECT_TRUE(target_of(Parametrisation::eps, x0, e).equal(e));
}

}  // namespace noise_test
}  // namespace permafrost
