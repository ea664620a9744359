// SPDX-License-Identifier: Apache-2.0
#include "models/network/denoiser/noise.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace permafrost {
namespace {

constexpr int kDdpmSteps = 1000;

BetaSchedule schedule_of(std::vector<double> betas) {
  BetaSchedule schedule;
  double kept = 1;
  for (const double beta : betas) {
    const double before = kept;
    kept *= 1 - beta;
    schedule.kept.push_back(kept);
    schedule.posterior_variance.push_back(beta * (1 - before) / (1 - kept));
    schedule.from_clean.push_back(beta * std::sqrt(before) / (1 - kept));
    schedule.from_noised.push_back((1 - before) * std::sqrt(1 - beta) / (1 - kept));
  }
  for (std::size_t i = 0; i < betas.size(); ++i)
    schedule.posterior_log_variance.push_back(
        std::log(schedule.posterior_variance[std::max<std::size_t>(i, 1)]));
  schedule.betas = std::move(betas);
  return schedule;
}

const BetaSchedule& linear_schedule() {
  static const BetaSchedule schedule = linear_betas();
  return schedule;
}

}  // namespace

BetaSchedule linear_betas() {
  constexpr double kFirst = 1e-4, kLast = 0.02;
  std::vector<double> betas;
  for (int i = 0; i < kDdpmSteps; ++i)
    betas.push_back(kFirst + i * ((kLast - kFirst) / (kDdpmSteps - 1)));
  return schedule_of(std::move(betas));
}

BetaSchedule cosine_betas() {
  const auto kept = [](double u) {
    const double cosine = std::cos((u + 0.008) / 1.008 * std::numbers::pi / 2);
    return cosine * cosine;
  };
  std::vector<double> betas;
  for (int i = 0; i < kDdpmSteps; ++i)
    betas.push_back(
        std::min(1 - kept((i + 1) / double{kDdpmSteps}) / kept(i / double{kDdpmSteps}), 0.999));
  return schedule_of(std::move(betas));
}

NoiseLevel level_of_step(int step) {
  const double kept = linear_schedule().kept.at(static_cast<std::size_t>(step));
  const double signal = std::sqrt(kept), noise = std::sqrt(1 - kept);
  return {.tau = noise / (signal + noise),
          .time = static_cast<double>(step),
          .signal = signal,
          .noise = noise};
}

NoiseLevel level_at(const DenoiserSpec& spec, double tau) {
  if (spec.parametrisation == Parametrisation::flow)
    return {.tau = tau, .time = spec.time_scale * tau, .signal = 1 - tau, .noise = tau};
  int nearest = 0;
  for (int step = 1; step < kDdpmSteps; ++step)
    if (std::abs(level_of_step(step).tau - tau) < std::abs(level_of_step(nearest).tau - tau))
      nearest = step;
  return level_of_step(nearest);
}

at::Tensor level_rows(const std::vector<NoiseLevel>& levels) {
  at::Tensor rows = at::empty({static_cast<std::int64_t>(levels.size()), 4}, at::kFloat);
  float* out = rows.data_ptr<float>();
  for (const auto& level : levels)
    for (const double value : {level.tau, level.time, level.signal, level.noise})
      *out++ = static_cast<float>(value);
  return rows;
}

at::Tensor column_of(const at::Tensor& rows, LevelColumn column) {
  return rows.select(1, static_cast<std::int64_t>(column)).view({-1, 1, 1});
}

at::Tensor times_of(const at::Tensor& rows) {
  return rows.select(1, static_cast<std::int64_t>(LevelColumn::time));
}

at::Tensor noised(const at::Tensor& x0, const at::Tensor& e, const at::Tensor& rows) {
  return column_of(rows, LevelColumn::signal) * x0 + column_of(rows, LevelColumn::noise) * e;
}

at::Tensor target_of(Parametrisation parametrisation, const at::Tensor& x0, const at::Tensor& e) {
  return parametrisation == Parametrisation::flow ? e - x0 : e;
}

at::Tensor error_without_neighbours(Parametrisation parametrisation, const at::Tensor& variances,
                                    const at::Tensor& rows) {
  const at::Tensor signal = rows.select(1, 2).square().unsqueeze(1) * variances;  // [B,d]
  const at::Tensor noise = rows.select(1, 3).square().unsqueeze(1);
  const at::Tensor above = parametrisation == Parametrisation::flow ? variances : signal;
  return (above / (signal + noise)).mean(1);
}

at::Tensor clean_error_without_neighbours(const at::Tensor& variances, const at::Tensor& rows) {
  const at::Tensor signal = rows.select(1, 2).square().unsqueeze(1) * variances;  // [B,d]
  const at::Tensor noise = rows.select(1, 3).square().unsqueeze(1);
  return (noise * variances / (signal + noise)).mean(1);
}

}  // namespace permafrost
