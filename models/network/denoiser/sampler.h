// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips out of noise, as pixels.
//
//   const Denoiser wide = at_size(denoiser, {16, 48, 96}, "--size");
//   const std::vector<Clip> clips = sampled_clips(wide, {.seed = 1}, 8);
#include "datasets/clip.h"
#include "models/network/denoiser/denoiser.h"
#include "models/network/denoiser/solver.h"

namespace permafrost {

struct Sampling {
  std::uint64_t seed = 1;
  SolverOptions solver;  // its `stop` is asked from several threads
  int threads = 1;
  std::function<void(std::int64_t clips)> done = nullptr;  // told of clips, from any thread
};

// The same denoiser for clips of another shape. Positions are computed for the new grid: a patch
// stays a patch, so that larger clips show more and not the same larger. Throws InputError naming
// `where` and the side that patches or tubelets do not divide.
Denoiser at_size(const Denoiser& denoiser, const ClipShape& shape, const std::string& where);

Denoiser to_device(const Denoiser& denoiser, const at::Device& device);

// The noise float32 [1,N,d] that clip `index` is made of: RandomStream(seed, "sample", index).
at::Tensor noise_of_clip(const DenoiserSpec& spec, std::uint64_t seed, std::int64_t index);

// Clips 0 .. count-1 of a seed. A clip depends on denoiser, seed, solver, steps and its index
// alone: neither on how many there are nor on threads. Fewer where it was told to stop.
std::vector<Clip> sampled_clips(const Denoiser& denoiser, const Sampling& sampling,
                                std::int64_t count);

// Pixels uint8 [n,T,H,W,3] after a way through the denoiser's space and back: what is left of clips
// by a denoiser that makes no error.
at::Tensor through_space(const Denoiser& denoiser, const at::Tensor& pixels);

}  // namespace permafrost
