// SPDX-License-Identifier: Apache-2.0
#pragma once

// A clip as encoders take it, for use without a tensor library: normalised floats [3,T,H,W].
//
//   std::vector<float> values(clip.shape.bytes());
//   normalise(clip, {}, values.data());
#include "datasets/clip.h"

namespace permafrost {

// Of ImageNet, for values in 0..1.
struct PixelNormalisation {
  float mean[3] = {0.485F, 0.456F, 0.406F};
  float deviation[3] = {0.229F, 0.224F, 0.225F};
};

// out[c,t,y,x] = (pixel / 255 - mean[c]) / deviation[c]; writes shape.bytes() floats.
void normalise(const Clip& clip, const PixelNormalisation& normalisation, float* out);

}  // namespace permafrost
