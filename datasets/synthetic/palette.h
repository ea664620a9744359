// SPDX-License-Identifier: Apache-2.0
#pragma once

// Colours of the synthetic world.
namespace permafrost::synthetic {

struct Rgb {
  float r = 0, g = 0, b = 0;  // 0..1
};

// Hue in turns, saturation and value in [0,1].
Rgb colour(float hue, float saturation, float value);

}  // namespace permafrost::synthetic
