// SPDX-License-Identifier: Apache-2.0
#pragma once

// What objectives share that noise their clips: the keys under "denoise", the levels and the noise
// of a step, and the loss by level in the log.
#include <functional>
#include <vector>

#include "models/network/denoiser/denoiser.h"
#include "models/network/denoiser/noise.h"
#include "models/pretraining/objectives/objective.h"

namespace permafrost {

// How noise levels are drawn.
enum class LevelSchedule {
  uniform,    // tau (of eps: the step) uniform
  lognormal,  // noise over signal = exp(N(0,1)), of eps the nearest step
  low         // the square of a uniform number: more of the cleaner clips
};

// The keys under "denoise".
struct DenoiseKeys {
  SpaceKind space = SpaceKind::pca;
  int components = 32;
  Parametrisation parametrisation = Parametrisation::flow;
  LevelSchedule schedule = LevelSchedule::uniform;
  double ema = 0.999;
  double time_scale = 1000;
};

// `own` reads what else an objective has there. Throws InputError naming file and key.
DenoiseKeys read_denoise_keys(JsonObject& parent, const RunSetting& run,
                              const std::function<void(const FieldReader&)>& own = {});

// The path from clean clips to noise, what a network is told of it, and how many coordinates a
// token has: of clips as this encoder sees them.
DenoiserSpec denoiser_spec_of(const DenoiseKeys& keys, const EncoderSpec& encoder);

// The level that a clip's stream draws.
NoiseLevel drawn_level(const DenoiserSpec& spec, LevelSchedule schedule, RandomStream& stream);

// Of a step: levels [batch,4] (level_rows()) and noise [batch,N,d], every clip's from a stream of
// its own, of the seed, the step and the clip's place in the batch.
struct DrawnNoise {
  at::Tensor levels, noise;
};
DrawnNoise draw_noise(const DenoiserSpec& spec, LevelSchedule schedule, const RunSetting& run,
                      std::int64_t step);

// Errors [b] of clips at these levels, and what can be had without looking at other tokens, [b]:
// "loss_noise_00_25" to "loss_noise_75_100", each over the clips whose tau is in the range, and
// "floor_noise_..." alike. The loss at little and at much noise says more than their mean.
void note_by_noise(StepFigures& figures, const at::Tensor& levels, const at::Tensor& errors,
                   const at::Tensor& floors);

}  // namespace permafrost
