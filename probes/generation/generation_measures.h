// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether samples of a denoiser are like real clips, in numbers. Two more stand beside every
// number: that of other real clips in the place of the samples, which is chance, and that of the
// real clips as the denoiser's space keeps them, which is the best that samples can be.
#include <nlohmann/json.hpp>
#include <string>

#include "models/encoders/encoder.h"
#include "probes/generation/clip_statistics.h"

namespace permafrost {

// Pixels uint8 [n,T,H,W,3].
struct GenerationClips {
  at::Tensor samples, real, other;  // n each; `other` are real clips too
  at::Tensor kept;   // the real clips as the denoiser's space keeps them: no sample can be better
  at::Tensor train;  // what the denoiser learned from, or some of it
};

struct GenerationNumbers {
  double frechet = 0;      // to the real clips (frechet_distance.h)
  SpectrumRatio spectrum;  // over the real clips
  double motion = 0;       // frame_difference() over that of the real clips; NaN for one frame
  double nearest = 0;      // median distance to the nearest training clip (nearest_clips())
};

struct GenerationMeasures {
  std::string encoder;
  std::int64_t clips = 0, train = 0;
  GenerationNumbers samples;
  GenerationNumbers other;  // `nearest`: of the real clips
  GenerationNumbers kept;
};

// Mean features float32 [n,D] over the patch tokens of each clip.
at::Tensor mean_features(const Encoder& encoder, const at::Tensor& clips, int threads);

// The encoder is taken at the size of the clips. Throws InputError where it cannot have that, and
// for fewer than 2 clips.
GenerationMeasures measured_generation(const Encoder& encoder, const GenerationClips& clips,
                                       int threads);

Json to_json(const GenerationMeasures& measures);
// A table in Markdown, a row a measure.
std::string text_of(const GenerationMeasures& measures);

}  // namespace permafrost
