// SPDX-License-Identifier: Apache-2.0
#pragma once

// A model folder as the Hugging Face hub has it: config.json beside the weights.
#include <filesystem>
#include <map>
#include <string>

#include "models/encoders/checkpoints/checkpoint.h"

namespace permafrost {

// Weights from the first that is there: model.safetensors, model.safetensors.index.json with its
// shards, pytorch_model.bin. One entry, "". Throws InputError naming the file.
Checkpoint open_huggingface_folder(const std::filesystem::path& folder);

// config.json: a JSON object. Throws InputError naming `where`.
nlohmann::json read_huggingface_config(const std::string& text, const std::string& where);

// The weight_map of model.safetensors.index.json: tensor -> file. Throws InputError unless each
// file is a plain name (no folders).
std::map<std::string, std::string> read_shard_index(const std::string& text,
                                                    const std::string& where);

}  // namespace permafrost
