// SPDX-License-Identifier: Apache-2.0
#pragma once

// A file or folder of weights, opened but not interpreted: state dictionaries by name, whatever the
// container. Which tensor means what is the families' business (models/encoders/families/).
//
//   const Checkpoint file = open_checkpoint("vitl16.pth.tar");
//   for (const StateDict& entry : file.entries) ...   // "encoder", "predictor", "target_encoder"
//
// Untrusted files are data: nothing in them is executed, and every size is checked against the file
// before memory is taken. Tensors of safetensors files and of torch archives lie in a private
// memory map of the file: opening a file of a gigabyte copies nothing, writing to a tensor never
// reaches the file.
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/encoders/checkpoints/bytes/byte_range.h"
#include "models/network/layers/named_tensors.h"

namespace permafrost {

// Bytes of the file, and the CRC-32 that it states for them.
struct Checksummed {
  std::string name;
  ByteRange bytes;
  std::uint32_t crc32 = 0;
};

// Tensors by the names that the file gives them, in file order.
struct StateDict {
  std::string
      name;  // "target_encoder", "classifiers.0"; empty where the file is one flat dictionary
  NamedTensors tensors;
  // What the tensors come from, of a torch archive with checksums (require_intact).
  std::vector<Checksummed> records;
};

enum class Container { safetensors, torch_zip, torch_legacy, huggingface };

struct Checkpoint {
  std::string path;
  Container container = Container::safetensors;
  std::vector<StateDict> entries;               // at least one
  std::map<std::string, std::string> metadata;  // of a safetensors file
  nlohmann::json config;                        // config.json of a Hugging Face folder, else null
  // What else stands at the top of the file, a line each: "epoch: 300", "args: argparse.Namespace".
  std::vector<std::string> others;

  // The entry of this name, or a null pointer.
  const StateDict* entry(const std::string& name) const;
  // The entry of this name; or where there is none, the tensors below it in an entry, without what
  // is then common to their names: "state_dict.net" and "net" of names such as "net.norm.bias".
  // Parts that wrapper_names.h takes off need not be written. Empty where there are no such
  // tensors.
  std::optional<StateDict> entry_or_part(const std::string& name) const;
};

// What becomes of a torch file's values: a dictionary of tensors is the entry "" (and its other
// values lines), otherwise each dictionary of tensors at the top is an entry, those in a list are
// "classifiers.0" and so on, and those inside of others are "state.model", up to four deep. The
// state of an optimizer is a line of `others`.

// Reads a .safetensors file, a torch.save file (zip or the older container, whatever its ending),
// or a Hugging Face folder (config.json with model.safetensors, or the shards of
// model.safetensors.index.json, or pytorch_model.bin). Known by content, not by name. Throws
// InputError naming the file, and the tensor or call that is refused.
Checkpoint open_checkpoint(const std::filesystem::path& path);

// The same of a file's bytes (no folder); `where` names them in errors.
Checkpoint read_checkpoint(const ByteRange& bytes, const std::string& where);

// Opening looks at no weights, so that a file of any size is open at once. Whoever is to use those
// of an entry reads them here first: throws InputError naming a record whose bytes have another
// CRC-32 than the file states.
void require_intact(const Checkpoint& checkpoint, const StateDict& entry);
// The same of all entries; what several of them share is read once.
void require_intact(const Checkpoint& checkpoint);

// "safetensors", "torch archive", "torch file of the old container", "Hugging Face folder".
const char* name_of(Container container);

}  // namespace permafrost
