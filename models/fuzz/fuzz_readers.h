// SPDX-License-Identifier: Apache-2.0
#pragma once

// The readers as fuzzers call them: any bytes are either read or refused with an InputError.
#include <vector>

#include "common/testing/fuzz_reader.h"

namespace permafrost {

// safetensors; pickle; zip and legacy (the containers of torch.save); huggingface (config.json, a
// zero byte, model.safetensors.index.json); encoder (config.json or nothing for the authors' names,
// a zero byte, --spec, a zero byte, lines of a tensor's name and sizes).
const std::vector<FuzzReader>& fuzz_readers();

}  // namespace permafrost
