// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/normalised_clip.h"

#include <gtest/gtest.h>

#include <vector>

namespace permafrost {
namespace normalised_clip_test {

TEST(NormalisedClip, ChannelsFirstThenTime) {
  Clip clip({2, 3, 4});
  for (std::size_t k = 0; k < clip.pixels.size(); ++k)
    clip.pixels[k] = static_cast<std::uint8_t>(3 * k);
  const PixelNormalisation normalisation{{0.5F, 0.25F, 0}, {0.5F, 1, 2}};
  std::vector<float> values(clip.shape.bytes());
  normalise(clip, normalisation, values.data());
  for (int c = 0; c < 3; ++c)
    for (int t = 0; t < 2; ++t)
      for (int at = 0; at < 12; ++at)
        EXPECT_FLOAT_EQ(
            values[static_cast<std::size_t>((c * 2 + t) * 12 + at)],
            (static_cast<float>(clip.frame(t)[at * 3 + c]) / 255 - normalisation.mean[c]) /
                normalisation.deviation[c]);
}

}  // namespace normalised_clip_test
}  // namespace permafrost
