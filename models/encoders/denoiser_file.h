// SPDX-License-Identifier: Apache-2.0
#pragma once

// denoiser.safetensors: a denoiser whole, from which encoders are made at any noise level.
//
// The network's tensors are called "encoder.NAME" (denoiser.h) and are bfloat16, those of the space
// "space.NAME" (patch_space.h), float32. The metadata say the rest: `spec` (of the network, as of
// an encoder file), `parametrisation`, `time_scale`, `space`.
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/encoders/checkpoints/checkpoint.h"
#include "models/encoders/encoder.h"
#include "models/encoders/families/tensor_fate.h"
#include "models/network/denoiser/denoiser.h"

namespace permafrost {

inline constexpr const char* kDenoiserFormat = "permafrost.denoiser.1";

// The weights as the file holds them, rounded, yet float32 and on the CPU.
DenoiserWeights as_written(const DenoiserWeights& weights);

// What is written; the caller may add to the metadata.
NamedTensors denoiser_tensors(const Denoiser& denoiser);
std::map<std::string, std::string> denoiser_metadata(const Denoiser& denoiser);

struct DenoiserReading {
  std::string name;    // of its file
  std::string source;  // path, or "zoo denoiser"
  Denoiser denoiser;   // float32; meaningless where a tensor is missing or does not fit
  std::string sha256;  // of names, shapes and values
  Json provenance;     // null where the file says nothing
  std::vector<TensorFate> fates;
};

bool is_denoiser(const Checkpoint& checkpoint);
// Throws InputError for metadata that are missing or wrong; what became of the tensors is in the
// fates.
DenoiserReading read_denoiser(const Checkpoint& checkpoint);
// Throws InputError too where tensors are missing, unexpected, of another shape or not finite.
DenoiserReading load_denoiser_file(const std::filesystem::path& path);
// `name` is a zoo name ("pico/denoise-d8", a file that ends with ".denoiser.safetensors" there) or
// a path. Throws InputError naming `flag`, and the nearest name.
DenoiserReading load_denoiser(const std::string& name, const std::string& flag);
// The path that load_denoiser() reads; empty where there is none.
std::filesystem::path denoiser_path(const std::string& name);
std::vector<std::string> zoo_denoiser_names();

// What of a denoiser is frozen.
struct FrozenAt {
  double tau = 0;       // noise level
  int blocks = 0;       // the first ones; 0: all
  bool noised = false;  // whether its clips have that noise mixed in (EncoderSpec::input_noise)
};

// An ordinary encoder (fold.h). Throws InputError naming `where`; noise is that of "flow" alone.
Encoder encoder_at(const DenoiserReading& reading, FrozenAt at, const std::string& where);

// What encoder_at() calls an encoder: "pico/denoise-d8 at 0.1, 4 blocks, noised".
struct FrozenName {
  std::string denoiser;
  FrozenAt at;
};
std::string text_of(const FrozenName& name);
// Empty where the text is no such name.
std::optional<FrozenName> frozen_name(const std::string& text);

}  // namespace permafrost
