// SPDX-License-Identifier: Apache-2.0
#pragma once

// An encoder as users meet it: weights, spec, preprocessing and where it came from.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/network/vit.h"

namespace permafrost {

// What "format" says in the metadata of our own encoder files.
inline constexpr const char* kEncoderFormat = "permafrost.encoder.1";

struct Encoder {
  std::string name;
  EncoderSpec spec;
  VitWeights weights;  // float32, no gradients
  std::string sha256;  // of names, shapes and values: what law 10 compares before and after
  std::string source;  // file, or "random init, seed 1"
  Json provenance;     // what the file's metadata says of its making; null where it says nothing
  std::vector<std::string> notes;  // what was assumed, chosen or resized while it was read
};

// What a user says of a file that does not tell all.
struct EncoderOptions {
  std::string
      spec;  // a name ("vjepa-vitl16"), a JSON object of EncoderSpec's fields, or such a file
  std::string key;  // entry of the checkpoint; empty: target_encoder, else encoder, model ...
};

// Any file or folder that open_checkpoint reads. Strict: missing, unexpected and mismatched tensors
// are listed and the load fails. Throws InputError naming the file.
Encoder load_encoder_file(const std::filesystem::path& path, const EncoderOptions& options = {});

// The same encoder with weights and tables of positions rounded to bfloat16, in which it then
// computes too, on any device; its clips' noise and its routers stay float32. Its hash is that of
// the rounded weights. On GPUs this is some times faster; on CPUs it need not be.
Encoder in_bfloat16(const Encoder& encoder);
// Such weights; gradients pass through the rounding to those that are given.
VitWeights in_bfloat16(VitWeights weights);

// The same encoder for clips of another shape, its positions made anew or resized by the family's
// rule, which a note reports. Throws InputError for a shape that patches and tubelets do not
// divide.
Encoder at_size(const Encoder& encoder, const ClipShape& shape);

// bfloat16 halves the file; features are then those of the rounded weights, wherever it is loaded.
void save_encoder(const std::filesystem::path& path, VitWeights& weights, const EncoderSpec& spec,
                  const Json& provenance, bool bfloat16);

Encoder random_encoder(const EncoderSpec& spec, std::uint64_t seed);

// No network: a token is the normalised pixels of its patch plus the table of its position. What a
// probe can do on it, it does without an encoder. With `one_frame`, of the middle frame of a clip.
Encoder pixel_encoder(const EncoderSpec& like, bool one_frame);

// `name` is a zoo name ("pico/vjepa-multiblock") or a path. Throws InputError naming `flag`, and
// the nearest name of the zoo and of `of_suite`: encoders that could have been meant as well.
Encoder load_encoder(const std::string& name, const std::string& flag,
                     const EncoderOptions& options = {},
                     const std::vector<std::string>& of_suite = {});

// The folder of the zoo: $PERMAFROST_ZOO, else models/zoo beside the program or in the source tree.
std::filesystem::path zoo_folder();
// What the zoo's files of denoisers (denoiser_file.h) end with; those of encoders are called
// NAME.safetensors.
inline constexpr const char* kDenoiserEnd = ".denoiser.safetensors";
// Names of the zoo's files that end so, without that end, in order.
std::vector<std::string> zoo_names_before(const std::string& end);
std::vector<std::string> zoo_names();  // of encoders

std::string hash_of(const Encoder& encoder);
// Throws Error when the weights are not those of its sha256 any more (law 10).
void require_frozen(const Encoder& encoder);

}  // namespace permafrost
