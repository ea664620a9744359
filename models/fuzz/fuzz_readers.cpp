// SPDX-License-Identifier: Apache-2.0
#include "models/fuzz/fuzz_readers.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/error.h"
#include "models/encoders/checkpoint_to_encoder.h"
#include "models/encoders/checkpoints/huggingface_folder.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/checkpoints/torch_file.h"

namespace permafrost {
namespace {

const std::string kWhere = "fuzzed";

// Reads every value, for a tensor that lies outside of its memory to be found.
void touch(const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor copy = at::empty(tensor.sizes(), tensor.options());
    copy.copy_(tensor);
  }
}

void read_torch(TorchFile file) {
  Checkpoint out;
  out.path = kWhere;
  add_entries(file, out);
  file = {};  // tensors keep what they lie in
  for (const auto& entry : out.entries) touch(entry.tensors);
}

bool safetensors(std::string_view bytes) {
  return is_read([&] { touch(read_safetensors(copy_bytes(bytes), kWhere).tensors); });
}

bool pickle(std::string_view bytes) {
  return is_read([&] { description_of(*read_pickle(bytes, kWhere).root); });
}

bool zip(std::string_view bytes) {
  return is_read([&] { read_torch(read_torch_archive(copy_bytes(bytes), kWhere)); });
}

bool legacy(std::string_view bytes) {
  return is_read([&] { read_torch(read_torch_legacy(copy_bytes(bytes), kWhere)); });
}

// Everything up to the next zero byte, which is taken off.
std::string take_part(std::string_view& bytes) {
  const auto zero = std::min(bytes.find('\0'), bytes.size());
  std::string part(bytes.substr(0, zero));
  bytes.remove_prefix(std::min(zero + 1, bytes.size()));
  return part;
}

bool huggingface(std::string_view bytes) {
  const std::string config = take_part(bytes), index(bytes);
  const bool config_is_read = is_read([&] { read_huggingface_config(config, kWhere); });
  const bool index_is_read = is_read([&] { read_shard_index(index, kWhere); });
  return config_is_read && index_is_read;
}

// Tensors of zeros from lines "name 3 4"; what would take memory of note is left out.
NamedTensors tensors_of(const std::string& lines) {
  NamedTensors tensors;
  std::istringstream text(lines);
  for (std::string line; tensors.size() < 256 && std::getline(text, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    std::vector<std::int64_t> shape;
    std::int64_t values = 1;
    for (std::int64_t size; values <= 4096 && shape.size() < 6 && words >> size;) {
      shape.push_back(std::clamp<std::int64_t>(size, 0, 4097));
      values *= shape.back();
    }
    if (values <= 4096) tensors.emplace_back(name, at::zeros(shape));
  }
  return tensors;
}

bool encoder(std::string_view bytes) {
  return is_read([&] {
    const std::string config = take_part(bytes), spec = take_part(bytes);
    Checkpoint checkpoint;
    checkpoint.path = kWhere;
    checkpoint.entries.push_back({"", tensors_of(std::string(bytes))});
    if (!config.empty()) {
      checkpoint.container = Container::huggingface;
      checkpoint.config = read_huggingface_config(config, kWhere);
    }
    // A spec is a JSON object here: other texts name files.
    const EncoderReading reading =
        read_encoder(checkpoint, {.spec = spec.empty() || spec[0] == '{' ? spec : "{}"});
    if (!reading.complete()) throw InputError(kWhere, "tensors", "all", "not all");
  });
}

}  // namespace

const std::vector<FuzzReader>& fuzz_readers() {
  static const std::vector<FuzzReader> readers = {
      {"encoder", encoder}, {"huggingface", huggingface}, {"legacy", legacy},
      {"pickle", pickle},   {"safetensors", safetensors}, {"zip", zip}};
  return readers;
}

}  // namespace permafrost
