// SPDX-License-Identifier: Apache-2.0
#pragma once

// From a checkpoint to an encoder: which family it is, its spec, and the fate of every tensor.
// Nothing is skipped in silence: what is known to be unused is named in the family's map, and what
// is missing, unexpected, of another shape or not finite makes the reading incomplete.
#include <string>
#include <vector>

#include "models/encoders/checkpoints/checkpoint.h"
#include "models/encoders/encoder.h"

namespace permafrost {

enum class Fate { used, known_unused, missing, unexpected, mismatched, not_finite };
const char* name_of(Fate fate);  // "used", "known unused", ...

struct TensorFate {
  std::string name;  // as the file has it; where it is missing, as the file should have it
  Fate fate = Fate::used;
  std::string note;  // what it is of ours, or what was expected and found
};

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

// "2 missing: a, b; 1 unexpected: c"; empty for a complete reading.
std::string complaint_of(const std::vector<TensorFate>& fates);

}  // namespace permafrost
