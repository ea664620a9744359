// SPDX-License-Identifier: Apache-2.0
#pragma once

// The sizes of the suite pico, for benchmarks.
#include "models/network/encoder_spec.h"

namespace permafrost {

inline EncoderSpec pico_encoder() {
  EncoderSpec spec;
  spec.width = 64;
  spec.depth = 4;
  spec.heads = 2;
  spec.frames = 8;
  spec.height = spec.image_width = 48;
  spec.patch = 8;
  return spec;
}

}  // namespace permafrost
