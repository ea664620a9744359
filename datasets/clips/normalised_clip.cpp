// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/normalised_clip.h"

#include <array>

namespace permafrost {

void normalise(const Clip& clip, const PixelNormalisation& normalisation, float* out) {
  std::array<std::array<float, 256>, 3> values;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t v = 0; v < 256; ++v)
      values[c][v] =
          (static_cast<float>(v) / 255 - normalisation.mean[c]) / normalisation.deviation[c];
  const std::size_t pixels = clip.frame_bytes() / 3;
  const auto frames = static_cast<std::size_t>(clip.shape.frames);
  for (std::size_t t = 0; t < frames; ++t) {
    const std::uint8_t* in = clip.frame(static_cast<int>(t));
    float* red = out + t * pixels;
    float* green = red + frames * pixels;
    float* blue = green + frames * pixels;
    for (std::size_t k = 0; k < pixels; ++k, in += 3) {
      red[k] = values[0][in[0]];
      green[k] = values[1][in[1]];
      blue[k] = values[2][in[2]];
    }
  }
}

}  // namespace permafrost
