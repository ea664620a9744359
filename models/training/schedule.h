// SPDX-License-Identifier: Apache-2.0
#pragma once

// Learning-rate, weight-decay and momentum schedules (V-JEPA released code; steps count from 1).
#include <cstdint>

namespace permafrost {

// Linear warm-up from `start` to `peak` over `warmup` steps, then a cosine to `final` that would
// end at `length` steps. length = steps * ipe_scale: with 1.25 training stops at 80 % of the
// cosine.
struct LearningRate {
  double start = 2e-4, peak = 6.25e-4, final = 1e-6;
  std::int64_t warmup = 0, length = 1;
  double at(std::int64_t step) const;
};

// Cosine from `start` to `final` over `length` steps, never past `final`.
struct WeightDecay {
  double start = 0.04, final = 0.4;
  std::int64_t length = 1;
  double at(std::int64_t step) const;
};

// Linear from `start` towards `final`, reached at `length` updates; update counts from 0. Unlike
// the others the reference does not cut this length to a whole number (7 * 1.25 is 8.75).
struct Momentum {
  double start = 0.998, final = 1.0;
  double length = 1;
  double at(std::int64_t update) const;
};

}  // namespace permafrost
