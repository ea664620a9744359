// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoints/fuzz/fuzz_readers.h"

#include <torch/types.h>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "models/checkpoints/huggingface_folder.h"
#include "models/checkpoints/safetensors.h"
#include "models/checkpoints/torch_file.h"

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

template <typename Read>
bool is_read(Read read) {
  try {
    read();
    return true;
  } catch (const InputError&) {
    return false;
  }
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

bool huggingface(std::string_view bytes) {
  const auto zero = std::min(bytes.find('\0'), bytes.size());
  const std::string config(bytes.substr(0, zero));
  const std::string index(bytes.substr(std::min(zero + 1, bytes.size())));
  // What a family makes of a config and of tensors of these names belongs here.
  const bool config_is_read = is_read([&] { read_huggingface_config(config, kWhere); });
  const bool index_is_read = is_read([&] { read_shard_index(index, kWhere); });
  return config_is_read && index_is_read;
}

}  // namespace

const std::vector<FuzzReader>& fuzz_readers() {
  static const std::vector<FuzzReader> readers = {{"huggingface", huggingface},
                                                  {"legacy", legacy},
                                                  {"pickle", pickle},
                                                  {"safetensors", safetensors},
                                                  {"zip", zip}};
  return readers;
}

const FuzzReader& fuzz_reader(std::string_view name) {
  for (const auto& reader : fuzz_readers())
    if (reader.name == name) return reader;
  throw Error("no reader is named " + quoted(std::string(name)));
}

}  // namespace permafrost
