// SPDX-License-Identifier: Apache-2.0
#pragma once

// How long the parts of a cell take, by formula: for the progress bar and the dry run.
#include <cstdint>

#include "datasets/tasks/task.h"
#include "models/network/encoder_spec.h"
#include "probes/train/protocol.h"

namespace permafrost {

// Estimated work for the progress bar, about milliseconds of one core: only ratios matter.
double encode_work(const EncoderSpec& spec, TaskKind kind, std::int64_t clips);
double probe_work(const EncoderSpec& spec, const ProbeProtocol& protocol, int clips,
                  std::int64_t samples);                                             // one epoch
double finetune_work(const EncoderSpec& spec, TaskKind kind, std::int64_t samples);  // one epoch

// Memory of one fine-tuning, by formula: weights, gradients and moments, and the activations of a
// batch that its backward pass needs.
double finetune_bytes(const EncoderSpec& spec, const FinetuneProtocol& protocol);

}  // namespace permafrost
