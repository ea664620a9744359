// SPDX-License-Identifier: Apache-2.0
#pragma once

// From noise to a clip: the differential equation that a denoiser describes, solved in steps.
//
// Straight path (flow): dx/dtau = f(x, tau) from tau = 1 down to 0, in equal steps of tau.
//
// DDPM's path (eps): with y = x/signal and s = noise/signal it is dy/ds = e(x), and a step of Euler
// is DDIM's with eta = 0 (Song, Meng and Ermon 2020, "Denoising Diffusion Implicit Models", arXiv
// 2010.02502, equations 12 and 14). Steps are equal on the path's step number, 999 down to 0, and
// the last goes from there to the clip.
//
// Heun's step looks a second time, at its end, and takes the mean of both directions; its error
// falls with the square of the number of steps. On DDPM's path its last step is Euler's, as the
// path has no step for the clip itself (Karras et al. 2022, arXiv 2206.00364, algorithm 1).
#include <functional>
#include <vector>

#include "models/network/denoiser/denoiser.h"

namespace permafrost {

enum class Solver { euler, heun };
inline constexpr NamedValue<Solver> kSolvers[] = {{"euler", Solver::euler}, {"heun", Solver::heun}};

struct SolverOptions {
  Solver solver = Solver::euler;
  int steps = 50;
  std::function<bool()> stop = nullptr;  // asked before every step
};

// What the network says of x [B,N,d] at a time, as it is told times: of the same shape.
using Field = std::function<at::Tensor(const at::Tensor& x, double time)>;

// Throws InputError naming `flag`: fewer than 1 step, or more than DDPM's path has.
void require_steps(const DenoiserSpec& spec, int steps, const std::string& flag);

// The clip x0 [B,N,d] at the other end of `noise` [B,N,d]; undefined where it was told to stop.
at::Tensor solved(const Field& field, const DenoiserSpec& spec, const at::Tensor& noise,
                  const SolverOptions& options);

}  // namespace permafrost
