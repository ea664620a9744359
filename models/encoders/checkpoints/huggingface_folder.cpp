// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/huggingface_folder.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "common/error.h"
#include "common/files/files.h"
#include "common/json/json_object.h"
#include "models/encoders/checkpoints/safetensors.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
}

struct KnownFolder {
  std::string found, hint;
};

bool ends_with_any(const std::string& name, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

// What other tools write as a folder, and how it becomes one file.
KnownFolder known_folder(const fs::path& folder) {
  bool is_zero = is_there(folder / "zero_to_fp32.py"), has_parts = false;
  std::string weights;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (it.depth() >= 2) it.disable_recursion_pending();
    const std::string name = it->path().filename().string();
    is_zero |= ends_with_any(name, {"_optim_states.pt", "_model_states.pt"});
    has_parts |= name.ends_with(".distcp");
    const bool is_file = it.depth() == 0 && ends_with_any(name, {".safetensors", ".pth", ".pt",
                                                                 ".pth.tar", ".ckpt", ".bin"});
    if (is_file && (weights.empty() || name < weights)) weights = name;
  }
  if (is_zero)
    return {"a folder of DeepSpeed (ZeRO), in parts",
            "make one file of it: python zero_to_fp32.py . weights.pth in that folder, with the "
            "script that DeepSpeed puts there"};
  if (has_parts)
    return {"a distributed checkpoint of PyTorch (FSDP), in parts",
            "make one file of it: python -m torch.distributed.checkpoint.format_utils dcp_to_torch "
            "FOLDER weights.pth"};
  if (is_there(folder / "adapter_config.json"))
    return {"an adapter of PEFT without its model",
            "write both as one: model.merge_and_unload().save_pretrained(FOLDER)"};
  if (is_there(folder / "saved_model.pb")) return {"a SavedModel of TensorFlow", ""};
  if (!weights.empty()) return {"a folder without", "name a file in it: " + quoted(weights)};
  return {"a folder without", ""};
}

// Each shard holds the tensors that the index says, all of them and no others.
void read_shards(const fs::path& folder, Checkpoint& out) {
  const fs::path index = folder / "model.safetensors.index.json";
  const auto file_of = read_shard_index(read_file(index), index.string());
  std::set<std::string> files;
  for (const auto& [tensor, file] : file_of) files.insert(file);
  std::set<std::string> found;
  for (const auto& file : files) {
    SafetensorsFile shard = read_safetensors(folder / file);
    out.metadata.insert(shard.metadata.begin(), shard.metadata.end());
    for (auto& [name, tensor] : shard.tensors) {
      const auto expected = file_of.find(name);
      if (expected == file_of.end() || expected->second != file)
        throw InputError(index.string(), name, "to stand in " + quoted(file),
                         expected == file_of.end() ? "no such tensor" : quoted(expected->second));
      found.insert(name);
      out.entries[0].tensors.emplace_back(name, tensor);
    }
  }
  for (const auto& [name, file] : file_of)
    if (found.count(name) == 0)
      throw InputError((folder / file).string(), name, "a tensor, by the index of the shards",
                       "none");
}

}  // namespace

nlohmann::json read_huggingface_config(const std::string& text, const std::string& where) {
  Json config = parse_json(text, where);
  if (!config.is_object()) throw InputError(where, "", "a JSON object", "something else");
  return config;
}

std::map<std::string, std::string> read_shard_index(const std::string& text,
                                                    const std::string& where) {
  const Json json = parse_json(text, where);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map == json.end() || !map->is_object() || map->empty())
    throw InputError(where, "weight_map", "a file for each tensor", "none");
  std::map<std::string, std::string> out;
  for (const auto& item : map->items()) {
    if (!item.value().is_string() || !is_plain_file_name(item.value().get<std::string>()))
      throw InputError(
          where, "weight_map." + unquoted(item.key()), "the name of a file in the same folder",
          item.value().is_string() ? quoted(item.value().get<std::string>()) : "something else");
    out[item.key()] = item.value().get<std::string>();
  }
  return out;
}

Checkpoint open_huggingface_folder(const fs::path& folder) {
  const fs::path config = folder / "config.json";
  if (!is_there(config)) {
    const auto [found, hint] = known_folder(folder);
    throw InputError(folder.string(), "", "a Hugging Face folder with a config.json", found, hint);
  }
  Checkpoint out;
  out.path = folder.string();
  out.container = Container::huggingface;
  out.config = read_huggingface_config(read_file(config), config.string());
  out.entries.push_back({"", {}});
  if (is_there(folder / "model.safetensors")) {
    SafetensorsFile file = read_safetensors(folder / "model.safetensors");
    out.entries[0].tensors = std::move(file.tensors);
    out.metadata = std::move(file.metadata);
  } else if (is_there(folder / "model.safetensors.index.json")) {
    read_shards(folder, out);
  } else if (is_there(folder / "pytorch_model.bin")) {
    const fs::path weights = folder / "pytorch_model.bin";
    Checkpoint file = read_checkpoint(map_bytes(weights), weights.string());
    out.entries = std::move(file.entries);
    out.others = std::move(file.others);
  } else {
    const bool bins = is_there(folder / "pytorch_model.bin.index.json");
    throw InputError(folder.string(), "",
                     "model.safetensors, model.safetensors.index.json or pytorch_model.bin",
                     bins ? "shards of pytorch_model.bin" : "none of them",
                     bins ? "save it again with safe_serialization=True" : "");
  }
  if (out.entries[0].tensors.empty()) throw InputError(out.path, "", "tensors", "none");
  return out;
}

}  // namespace permafrost
