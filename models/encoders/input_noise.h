// SPDX-License-Identifier: Apache-2.0
#pragma once

// Noise that an encoder is to see with its clips (EncoderSpec::input_noise): a denoiser's, at the
// level at which it was frozen.
#include <cstdint>
#include <string>
#include <vector>

#include "models/network/vit.h"

namespace permafrost {

// Which clip of a task it is.
struct ClipOrigin {
  std::uint64_t sample = 0;
  std::uint64_t clip = 0;  // of the sample, over all its views
};

// For tasks and files whose clips are only counted.
std::vector<ClipOrigin> counted_origins(std::int64_t clips);

// Patches float32 [B,N,values] of the clips `origins` [B], on any device, after
//   x = (1 - tau) x + tau e
// in coordinates of the encoder's noise space; the same patches where the encoder wants no noise.
// The noise of a clip is decided by `task` (an identity of any form) and its origin alone: it is
// the same in every batch, epoch and under every head.
at::Tensor with_input_noise(const VitWeights& weights, const EncoderSpec& spec,
                            const at::Tensor& patches, const std::string& task,
                            const std::vector<ClipOrigin>& origins);

}  // namespace permafrost
