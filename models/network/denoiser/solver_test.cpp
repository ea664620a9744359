// SPDX-License-Identifier: Apache-2.0
// Solvers against data whose best field is known: coordinates that are independent and Gaussian
// with mean m and deviation s. Their path from noise z is x = signal m + sqrt(signal^2 s^2 +
// noise^2) z', so that noise z ends at m + s z.
#include "models/network/denoiser/solver.h"

#include "models/network/denoiser/noise.h"
#include "models/network/layers/linear.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace solver_test {

constexpr double kMean = 0.7, kDeviation = 0.4;

DenoiserSpec spec_of(Parametrisation parametrisation) {
  DenoiserSpec spec;
  spec.parametrisation = parametrisation;
  return spec;
}

// The best answer: the mean of e - x0, or of e, over all clips and noise that x can be made of.
Field best_field(const DenoiserSpec& spec) {
  return [spec](const at::Tensor& x, double time) {
    const bool flow = spec.parametrisation == Parametrisation::flow;
    const NoiseLevel level = flow ? level_at(spec, time / spec.time_scale)
                                  : level_of_step(static_cast<int>(std::lround(time)));
    const double s2 = kDeviation * kDeviation;
    const double variance = level.signal * level.signal * s2 + level.noise * level.noise;
    const at::Tensor z = (x - level.signal * kMean) / variance;
    const at::Tensor e = level.noise * z;
    return flow ? e - (kMean + level.signal * s2 * z) : e;
  };
}

at::Tensor noise() {
  RandomStream stream({.seed = 5, .purpose = "test"});
  return normal_tensor({64, 4, 8}, 1, stream).to(at::kDouble);
}

at::Tensor transported(Parametrisation parametrisation, Solver solver, int steps) {
  const DenoiserSpec spec = spec_of(parametrisation);
  return solved(best_field(spec), spec, noise(), {.solver = solver, .steps = steps});
}

// Largest distance from the place where the exact path ends.
double error(Parametrisation parametrisation, Solver solver, int steps) {
  // DDPM's path does not begin at noise alone.
  double signal = 0, start = 1;
  if (parametrisation == Parametrisation::eps) {
    const NoiseLevel first = level_of_step(999);
    signal = first.signal;
    start = std::sqrt(std::pow(first.signal * kDeviation, 2) + std::pow(first.noise, 2));
  }
  const at::Tensor exact = kMean + kDeviation * (noise() - signal * kMean) / start;
  return largest_difference(transported(parametrisation, solver, steps), exact);
}

TEST(Solver, CarriesNoiseToGaussianData) {
  for (const Parametrisation parametrisation : {Parametrisation::flow, Parametrisation::eps})
    for (const Solver solver : {Solver::euler, Solver::heun}) {
      const at::Tensor x = transported(parametrisation, solver, 500);
      EXPECT_NEAR(x.mean().item<double>(), kMean + kDeviation * noise().mean().item<double>(),
                  5e-3);
      EXPECT_NEAR(x.std().item<double>(), kDeviation * noise().std().item<double>(), 5e-3);
    }
}

// Twice the steps: half of Euler's error, a quarter of Heun's.
TEST(Solver, ErrorsFallWithTheOrderOfTheSolver) {
  const auto ratio = [](Parametrisation parametrisation, Solver solver) {
    return error(parametrisation, solver, 200) / error(parametrisation, solver, 400);
  };
  EXPECT_NEAR(ratio(Parametrisation::flow, Solver::euler), 2, 0.1);
  EXPECT_NEAR(ratio(Parametrisation::flow, Solver::heun), 4, 0.4);
  EXPECT_NEAR(ratio(Parametrisation::eps, Solver::euler), 2, 0.2);
  EXPECT_LT(error(Parametrisation::flow, Solver::heun, 50), 2e-3);
  EXPECT_LT(error(Parametrisation::eps, Solver::heun, 50),
            error(Parametrisation::eps, Solver::euler, 50) / 3);
}

// DDIM as it is written: a prediction of the clip, noised again to the next step.
TEST(Solver, EulerOnDdpmsPathIsDdim) {
  const DenoiserSpec spec = spec_of(Parametrisation::eps);
  const Field field = best_field(spec);
  const int steps[] = {999, 666, 333, 0};
  at::Tensor x = noise();
  for (int i = 0; i < 4; ++i) {
    const NoiseLevel now = level_of_step(steps[i]);
    const NoiseLevel next = i < 3 ? level_of_step(steps[i + 1]) : NoiseLevel{};
    const at::Tensor e = field(x, now.time);
    const at::Tensor clip = (x - now.noise * e) / now.signal;
    x = next.signal * clip + next.noise * e;
  }
  EXPECT_LT(largest_difference(transported(Parametrisation::eps, Solver::euler, 4), x), 1e-10);
}

// Euler asks once a step, Heun twice but for the last step of DDPM's path, which has no end to ask
// at.
TEST(Solver, AsksTheFieldOnceOrTwiceAStep) {
  for (const Parametrisation parametrisation : {Parametrisation::flow, Parametrisation::eps})
    for (const Solver solver : {Solver::euler, Solver::heun})
      for (const int steps : {1, 7}) {
        const DenoiserSpec spec = spec_of(parametrisation);
        const bool flow = parametrisation == Parametrisation::flow;
        int calls = 0;
        const Field field = [&](const at::Tensor& x, double time) {
          ++calls;
          EXPECT_GE(time, 0);
          EXPECT_LE(time, flow ? 1000 : 999);
          return best_field(spec)(x, time);
        };
        const at::Tensor x = solved(field, spec, noise(), {.solver = solver, .steps = steps});
        EXPECT_EQ(x.sizes(), noise().sizes());
        EXPECT_EQ(calls, solver == Solver::euler ? steps : 2 * steps - (flow ? 0 : 1));
      }
}

TEST(Solver, StopsBetweenSteps) {
  const DenoiserSpec spec = spec_of(Parametrisation::flow);
  int asked = 0, calls = 0;
  const Field field = [&](const at::Tensor& x, double) {
    ++calls;
    return x;
  };
  const at::Tensor x =
      solved(field, spec, noise(), {.steps = 10, .stop = [&] { return ++asked > 3; }});
  EXPECT_FALSE(x.defined());
  EXPECT_EQ(calls, 3);
}

TEST(Solver, RefusesStepsThatThePathDoesNotHave) {
  const auto refusal = [](Parametrisation parametrisation, int steps) {
    return input_error_of([&] { require_steps(spec_of(parametrisation), steps, "--steps"); });
  };
  EXPECT_EQ(refusal(Parametrisation::flow, 0), "--steps: expected 1 to 100000 steps, found 0");
  EXPECT_EQ(refusal(Parametrisation::eps, 1001), "--steps: expected 1 to 1000 steps, found 1001");
  require_steps(spec_of(Parametrisation::eps), 1000, "--steps");
}

}  // namespace solver_test
}  // namespace permafrost
