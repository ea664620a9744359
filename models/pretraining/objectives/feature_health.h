// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether features say anything: what goes wrong first where an encoder collapses.
#include <ATen/core/Tensor.h>

#include "models/training/step_figures.h"

namespace permafrost {

struct FeatureHealth {
  double deviation = 0;           // over samples and tokens, the mean over dimensions
  double deviation_at_place = 0;  // over samples alone: 0 where only the position is left
  double deviation_in_clip = 0;   // over tokens of a sample alone: 0 where all of them say the same
  double rank = 1;                // effective_rank over samples and tokens
};

// Of features [B,N,D], floating point of any dtype, which are waited for.
FeatureHealth feature_health(const at::Tensor& features);

// Adds them as "feature_deviation", "feature_deviation_at_place", "feature_deviation_in_clip" and
// "feature_rank".
void add_health(StepFigures& figures, const at::Tensor& features);

// How many directions the rows of features [n,D] use: exp of the entropy of the eigenvalues of
// their covariance, as shares of their sum. Between 1 (all on a line, or all the same) and D (a
// ball). Source: Roy and Vetterli, The effective rank, 2007, on the covariance.
double effective_rank(const at::Tensor& features);

}  // namespace permafrost
