// SPDX-License-Identifier: Apache-2.0
#pragma once

// An encoder as a folder that Hugging Face transformers loads to the same output.
#include <filesystem>
#include <string>

#include "models/encoders/encoder.h"

namespace permafrost {

// Writes config.json, preprocessor_config.json and model.safetensors, whole or not at all, into a
// folder that must not be there yet. Families that transformers has are written under its names and
// loaded by AutoModel; for V-JEPA, which it has not, the folder carries a model file of ours
// (modeling_permafrost.py) and is loaded with trust_remote_code=True. Returns what was written and
// how it is loaded, for the user. Throws InputError where the architecture cannot hold the encoder.
std::string write_huggingface(const std::filesystem::path& folder, Encoder& encoder, bool bfloat16);

}  // namespace permafrost
