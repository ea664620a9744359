// SPDX-License-Identifier: Apache-2.0
#pragma once

// From a checkpoint to an encoder: which family it is, its spec, and the fate of every tensor.
// Nothing is skipped in silence: what is known to be unused is named in the family's map, and what
// is missing, unexpected, of another shape or not finite makes the reading incomplete.
#include <string>
#include <vector>

#include "models/encoders/checkpoints/checkpoint.h"
#include "models/encoders/encoder.h"
#include "models/encoders/families/tensor_fate.h"

namespace permafrost {

struct EncoderReading {
  Encoder encoder;    // its weights are meaningless where the reading is not complete
  std::string title;  // of the family, "V-JEPA 2"
  std::string entry;  // of the checkpoint
  std::vector<TensorFate> fates;
  bool complete() const;
};

// Throws InputError where no encoder can be made out at all: a probe head, an unknown architecture,
// a spec that the file does not tell and --spec does not give, a --spec that contradicts the file.
EncoderReading read_encoder(const Checkpoint& checkpoint, const EncoderOptions& options);

}  // namespace permafrost
