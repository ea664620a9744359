// SPDX-License-Identifier: Apache-2.0
#pragma once

// The spread of a few repetitions, which is never a spread over samples: seeds and splits are kept
// apart by name, and every output says the name.
//
//   const Spread spread = spread_of({57.8, 52.2, 55.0}, SpreadOver::seeds);
//   spread.ci95;    // of the mean over all seeds, by Student's t
#include <optional>
#include <vector>

#include "bench/statistics/statistics.h"

namespace permafrost {

// What was drawn again: test samples (bootstrap), the seed of a training, or the training subset.
enum class SpreadOver { samples, seeds, splits };
const char* name_of(SpreadOver over);  // "over samples", "over seeds", "over splits"

struct Spread {
  SpreadOver over = SpreadOver::seeds;
  std::vector<double> values;
  double mean = 0;
  // None for fewer than two values: one repetition says nothing of a spread.
  std::optional<double> deviation;  // sample standard deviation, n - 1
  std::optional<Interval> ci95;     // mean +- t(0.975, n - 1) * deviation / sqrt(n); not clipped
};

Spread spread_of(const std::vector<double>& values, SpreadOver over);

// P(|T| <= t) for Student's t with whole degrees of freedom: the finite sums of Abramowitz & Stegun
// (1964), 26.7.3 and 26.7.4. Throws Error for fewer than one degree.
double t_probability(double t, int degrees);
// The t with P(T <= t) = share, 0.5 <= share < 1.
double t_quantile(double share, int degrees);
// The z with P(Z <= z) = share for N(0,1), 0 < share < 1.
double normal_quantile(double share);

}  // namespace permafrost
