// SPDX-License-Identifier: Apache-2.0
#pragma once

// An encoder as users meet it: weights, spec, preprocessing and where it came from.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/vit.h"

namespace permafrost {

struct Encoder {
  std::string name;
  EncoderSpec spec;
  VitWeights weights;  // float32, no gradients
  std::string sha256;  // of names, shapes and values: what law 10 compares before and after
  std::string source;  // file, or "random init, seed 1"
  Json provenance;     // what the file's metadata says of its making; null where it says nothing
};

// One of our .safetensors files. Strict: missing, unexpected and mismatched tensors are listed and
// the load fails. Throws InputError naming the file.
Encoder load_encoder_file(const std::filesystem::path& path);

// bfloat16 halves the file; features are then those of the rounded weights, wherever it is loaded.
void save_encoder(const std::filesystem::path& path, VitWeights& weights, const EncoderSpec& spec,
                  const Json& provenance, bool bfloat16);

Encoder random_encoder(const EncoderSpec& spec, std::uint64_t seed);

// `name` is a zoo name ("pico/vjepa-multiblock") or a path. Throws InputError naming `flag`.
Encoder load_encoder(const std::string& name, const std::string& flag);

// The folder of the zoo: $PERMAFROST_ZOO, else models/zoo beside the program or in the source tree.
std::filesystem::path zoo_folder();
std::vector<std::string> zoo_names();

std::string hash_of(const Encoder& encoder);

}  // namespace permafrost
