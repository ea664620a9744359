// SPDX-License-Identifier: Apache-2.0
#pragma once

// How much work the parts of a cell are, by formula: for the progress bar, for dealing groups to
// shards, and for the dry run. Products are counted by the functions of the networks themselves
// (blocks_flops).
#include <cstdint>

#include "bench/machines/work.h"
#include "datasets/tasks/task.h"
#include "models/network/encoder_spec.h"
#include "probes/train/protocol.h"

namespace permafrost {

// Reading so many clips: decoding, or drawing.
Work reading_work(const EncoderSpec& spec, TaskKind kind, double clips);
// Their forward pass, without reading them.
Work encoding_work(const EncoderSpec& spec, double clips);
// One epoch of a probe on features that are there, so many tokens a sample.
Work probe_work(const EncoderSpec& spec, const ProbeProtocol& protocol, double tokens,
                double samples);
// Tokens of a clip that a probe sees: of a source with boxes the pooled ones.
double probed_tokens(const EncoderSpec& spec, const Task& task);
// One epoch of fine-tuning on clips that are there.
Work finetune_work(const EncoderSpec& spec, double samples);

// Of one core of the machine on which the progress bar was measured: there only ratios matter.
double core_milliseconds(const Work& work);

// Memory of one fine-tuning, by formula: weights, gradients and moments, and the activations that
// its backward pass needs, of so many gradient shards of a batch at once (a GPU: one).
double finetune_bytes(const EncoderSpec& spec, const FinetuneProtocol& protocol,
                      int shards_at_once);
// Weights of a frozen encoder, by formula.
double weight_bytes(const EncoderSpec& spec);

}  // namespace permafrost
