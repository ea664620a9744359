// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics/statistics_spread.h"

#include <cmath>
#include <numbers>

#include "common/error.h"

namespace permafrost {
namespace {

// Where a rising function passes `target`, by halving; between two doubles at the end.
template <typename Function>
double solve_rising(const Function& function, double target, double low, double high) {
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    (function(middle) < target ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

}  // namespace

const char* name_of(SpreadOver over) {
  switch (over) {
    case SpreadOver::samples:
      return "over samples";
    case SpreadOver::seeds:
      return "over seeds";
    default:
      return "over splits";
  }
}

Spread spread_of(const std::vector<double>& values, SpreadOver over) {
  Spread spread{.over = over, .values = values, .mean = mean_of(values)};
  if (values.size() < 2) return spread;
  spread.deviation = deviation_of(values);
  const double half = t_quantile(0.975, static_cast<int>(values.size()) - 1) * *spread.deviation /
                      std::sqrt(static_cast<double>(values.size()));
  spread.ci95 = Interval{spread.mean - half, spread.mean + half};
  return spread;
}

double t_probability(double t, int degrees) {
  if (degrees < 1)
    throw Error("statistics: Student's t with " + std::to_string(degrees) + " degrees of freedom");
  const double angle = std::atan(std::abs(t) / std::sqrt(degrees));
  const double sine = std::sin(angle), cosine = std::cos(angle);
  const bool odd = degrees % 2 == 1;
  // Odd: c + 2/3 c^3 + ...; even: 1 + 1/2 c^2 + ...; the last power is degrees - 2.
  double sum = 0, term = odd ? cosine : 1;
  for (int power = odd ? 1 : 0; power <= degrees - 2; power += 2) {
    sum += term;
    term *= cosine * cosine * (power + 1) / (power + 2);
  }
  if (odd) return 2 / std::numbers::pi * (angle + sine * sum);
  return sine * sum;
}

double t_quantile(double share, int degrees) {
  if (!(share >= 0.5 && share < 1))
    throw Error("statistics: the quantile of Student's t at " + std::to_string(share));
  return solve_rising([&](double t) { return t_probability(t, degrees); }, 2 * share - 1, 0, 1e9);
}

double normal_quantile(double share) {
  if (!(share > 0 && share < 1))
    throw Error("statistics: the quantile of N(0,1) at " + std::to_string(share));
  return solve_rising([](double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }, share, -40,
                      40);
}

}  // namespace permafrost
