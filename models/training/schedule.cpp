// SPDX-License-Identifier: Apache-2.0
#include "models/training/schedule.h"

#include <algorithm>
#include <cmath>

namespace permafrost {
namespace {

double cosine(double from, double to, double share) {
  constexpr double kPi = 3.14159265358979323846;
  return to + (from - to) * 0.5 * (1.0 + std::cos(kPi * share));
}

double share_of(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(1, whole));
}

}  // namespace

double LearningRate::at(std::int64_t step) const {
  if (step < warmup) return start + share_of(step, warmup) * (peak - start);
  return std::max(final, cosine(peak, final, share_of(step - warmup, length - warmup)));
}

double WeightDecay::at(std::int64_t step) const {
  const double value = cosine(start, final, share_of(step, length));
  return final <= start ? std::max(final, value) : std::min(final, value);
}

double Momentum::at(std::int64_t update) const {
  return start + static_cast<double>(update) / std::max(1.0, length) * (final - start);
}

}  // namespace permafrost
