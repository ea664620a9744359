// SPDX-License-Identifier: Apache-2.0
#pragma once

// Mixup and CutMix of a batch with itself reversed, for fine-tuning.
//
// Sample i of a batch of n is mixed with sample n-1-i, all by the same draw, as in the recipe of
// VideoMAE and MAE (timm's batch mode). Sources: Zhang et al. 2018 (mixup: weighted mean of clips
// and labels), Yun et al. 2019 (CutMix: a box of the partner in every frame, labels by area).
#include <cstdint>
#include <vector>

#include "common/random.h"
#include "datasets/clip.h"

namespace permafrost {

struct MixingSpec {
  double mixup = 0;           // alpha of Beta(alpha, alpha); 0: never
  double cutmix = 0;          // the same for CutMix
  double probability = 1;     // of a batch to be mixed at all
  double switch_share = 0.5;  // of CutMix among the mixed batches, where both are on
  bool on() const { return mixup > 0 || cutmix > 0; }
};

struct Mix {
  double own = 1;  // weight of the sample itself; the partner has the rest
  // CutMix: what comes from the partner, in pixels; no area: mixup.
  int top = 0, left = 0, height = 0, width = 0;
  bool cuts() const { return height > 0 && width > 0; }
};

// What happens to one batch: a pure function of (spec, shape, seed, step).
Mix draw_mix(const MixingSpec& spec, const ClipShape& shape, std::uint64_t seed, std::int64_t step);

// Beta(alpha, alpha) by Johnk's rejection; fast for the alphas in use (at most 2).
double draw_beta(double alpha, RandomStream& stream);

// CutMix on pixels [T,H,W,3]: the box of `partner` put into `pixels`.
void paste(const Mix& mix, const ClipShape& shape, const std::uint8_t* partner,
           std::uint8_t* pixels);

}  // namespace permafrost
