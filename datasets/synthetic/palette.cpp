// SPDX-License-Identifier: Apache-2.0
#include "datasets/synthetic/palette.h"

#include "datasets/synthetic/wave.h"

namespace permafrost::synthetic {

Rgb colour(float hue, float saturation, float value) {
  const auto channel = [&](float shift) {
    // The hexagon of the HSV model: a trapezoid over the hue circle for each channel.
    const float distance = 6.0F * wrapped(hue - shift);
    const float strength = clamped(2.0F - (distance < 0 ? -distance : distance), 0.0F, 1.0F);
    return value * (1.0F - saturation * (1.0F - strength));
  };
  return {channel(0.0F), channel(1.0F / 3.0F), channel(2.0F / 3.0F)};
}

}  // namespace permafrost::synthetic
