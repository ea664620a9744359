// SPDX-License-Identifier: Apache-2.0
#pragma once

// Videos of a haystack that the encoder sees whole: every token attends to every other.
#include "bench/haystack/haystack_run.h"

namespace permafrost {

// A probe trained on `full_train_videos` of the shortest of `full_lengths`, asked about
// `full_videos` needles at each of them, depths in turn.
HaystackReading full_attention_reading(const HaystackSpec& spec, const Encoder& encoder);

// Attention heads of a probe on tokens of that width: as many as the encoder has where they share
// the width, else 1.
int heads_for(const EncoderSpec& encoder, int width);

}  // namespace permafrost
