// SPDX-License-Identifier: Apache-2.0
#include "models/network/denoiser/solver.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "common/error.h"
#include "models/network/denoiser/noise.h"

namespace permafrost {
namespace {

// A place on the path: x = signal * y, and dy/ds is what the network says at `time`.
struct Knot {
  double s = 0;
  double signal = 1;
  double time = 0;
  bool on_path = true;  // DDPM's path has no time for the clip itself
};

std::vector<Knot> straight_knots(const DenoiserSpec& spec, int steps) {
  std::vector<Knot> knots;
  for (int i = steps; i >= 0; --i) {
    const double tau = static_cast<double>(i) / steps;
    knots.push_back({.s = tau, .time = spec.time_scale * tau});
  }
  return knots;
}

// From the noisiest step to the cleanest, and then the clip.
std::vector<Knot> ddpm_knots(int steps) {
  const int last = static_cast<int>(linear_betas().betas.size()) - 1;
  std::vector<Knot> knots;
  for (int i = 0; i < steps; ++i) {
    const double share = steps == 1 ? 0 : static_cast<double>(i) / (steps - 1);
    const NoiseLevel level = level_of_step(static_cast<int>(std::lround(last * (1 - share))));
    knots.push_back({.s = level.noise / level.signal, .signal = level.signal, .time = level.time});
  }
  knots.push_back({.on_path = false});
  return knots;
}

std::vector<Knot> knots_of(const DenoiserSpec& spec, int steps) {
  return spec.parametrisation == Parametrisation::flow ? straight_knots(spec, steps)
                                                       : ddpm_knots(steps);
}

// y at `to` of y at `from`.
at::Tensor step(const Field& field, Solver solver, const at::Tensor& y, const Knot& from,
                const Knot& to) {
  const double length = to.s - from.s;
  const at::Tensor first = field(from.signal * y, from.time);
  const at::Tensor euler = y + length * first;
  if (solver == Solver::euler || !to.on_path) return euler;
  const at::Tensor second = field(to.signal * euler, to.time);
  return y + (length / 2) * (first + second);
}

}  // namespace

void require_steps(const DenoiserSpec& spec, int steps, const std::string& flag) {
  const int most = spec.parametrisation == Parametrisation::flow
                       ? 100000
                       : static_cast<int>(linear_betas().betas.size());
  if (steps < 1 || steps > most)
    throw InputError(flag, "", "1 to " + std::to_string(most) + " steps", std::to_string(steps));
}

at::Tensor solved(const Field& field, const DenoiserSpec& spec, const at::Tensor& noise,
                  const SolverOptions& options) {
  require_steps(spec, options.steps, "steps");
  const at::NoGradGuard no_grad;
  const std::vector<Knot> knots = knots_of(spec, options.steps);
  at::Tensor y = noise / knots.front().signal;
  for (std::size_t i = 0; i + 1 < knots.size(); ++i) {
    if (options.stop && options.stop()) return {};
    y = step(field, options.solver, y, knots[i], knots[i + 1]);
  }
  return y;
}

}  // namespace permafrost
