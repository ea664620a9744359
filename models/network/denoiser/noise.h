// SPDX-License-Identifier: Apache-2.0
#pragma once

// How clips are noised: the two paths from a clip x0 to noise e, x = signal*x0 + noise*e, and what
// a network is to say of x.
#include <ATen/core/Tensor.h>

#include <vector>

#include "models/network/denoiser/denoiser.h"

namespace permafrost {

// A noise level. tau = r/(1+r) with r = noise/signal orders the levels of both paths alike: on the
// straight path it is the time itself, signal = 1 - tau and noise = tau.
struct NoiseLevel {
  double tau = 0;
  double time = 0;  // what the network is told
  double signal = 1, noise = 0;
};

// Level tau in 0..1 of the straight path; on DDPM's path, the step whose noise is nearest.
NoiseLevel level_at(const DenoiserSpec& spec, double tau);
// Step 0..999 of DDPM's path with the linear schedule.
NoiseLevel level_of_step(int step);

// Levels as float32 rows [B,4] (tau, time, signal, noise), which is how they travel with a batch.
at::Tensor level_rows(const std::vector<NoiseLevel>& levels);
// One of these columns as [B,1,1].
enum class LevelColumn { tau, time, signal, noise };
at::Tensor column_of(const at::Tensor& rows, LevelColumn column);
at::Tensor times_of(const at::Tensor& rows);  // [B]

// x = signal*x0 + noise*e, coordinates [B,N,d].
at::Tensor noised(const at::Tensor& x0, const at::Tensor& e, const at::Tensor& rows);
// What the network is to say: e - x0, or e.
at::Tensor target_of(Parametrisation parametrisation, const at::Tensor& x0, const at::Tensor& e);

// Mean squared error [B] of the best answer that looks at one token alone, if coordinates were
// Gaussian with these variances [d] and did not depend on each other:
//   flow: s/(signal^2 s + noise^2), eps: signal^2 s/(signal^2 s + noise^2), the mean over s.
at::Tensor error_without_neighbours(Parametrisation parametrisation, const at::Tensor& variances,
                                    const at::Tensor& rows);
// The same where the answer is x0: noise^2 s/(signal^2 s + noise^2), on either path.
at::Tensor clean_error_without_neighbours(const at::Tensor& variances, const at::Tensor& rows);

// DDPM's path (Ho et al. 2020) in float64, one value a step: beta, the product of 1 - beta so far,
// and mean and variance of the step before given x0 and x: mean = from_clean*x0 + from_noised*x.
struct BetaSchedule {
  std::vector<double> betas, kept;
  std::vector<double> posterior_variance;
  std::vector<double> posterior_log_variance;  // at step 0 that of step 1: its variance is 0
  std::vector<double> from_clean, from_noised;
};
BetaSchedule linear_betas();  // 1000 steps from 1e-4 to 0.02
BetaSchedule cosine_betas();  // 1000 steps, Nichol and Dhariwal 2021, betas at most 0.999

}  // namespace permafrost
