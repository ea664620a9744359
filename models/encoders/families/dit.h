// SPDX-License-Identifier: Apache-2.0
#pragma once

// The released diffusion transformers (facebookresearch/DiT): what is in their files. They see
// latents of an image autoencoder and no pixels, so no encoder of clips is made of them.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "models/encoders/checkpoints/checkpoint.h"
#include "models/encoders/families/tensor_fate.h"

namespace permafrost {

struct DitReading {
  std::string entry;  // of the checkpoint
  // width, depth, ffn_width, patch, channels, tokens, classes (0: none), learn_sigma, parameters
  Json description;
  std::vector<TensorFate> fates;
};

// The entry that holds one, "ema" before others; null where there is none.
const StateDict* dit_entry(const Checkpoint& checkpoint);
// Throws InputError naming the file where shapes do not tell the sizes of a network.
DitReading read_dit(const Checkpoint& checkpoint, const StateDict& entry);

}  // namespace permafrost
