// SPDX-License-Identifier: Apache-2.0
#pragma once

// Applying a family's name map: from a file's tensors to ours, piece by piece, and back.
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/encoders/families/family.h"
#include "models/encoders/families/tensor_fate.h"
#include "models/network/layers/named_tensors.h"

namespace permafrost {

// Our own files' names: those of the ViT, nothing left out.
const NameMap& own_names();

// Without what tools of training leave (wrapper_names.h), and without the map's prefixes.
std::string without_prefixes(const NameMap& map, std::string name);

// The map for these tensors: where it knows none of their names and all begin alike ("net.", of a
// module of Lightning), that is a prefix too, and a note says so.
NameMap for_names(const NameMap& map, const NamedTensors& tensors, std::vector<std::string>& notes);

// Where a file's tensor goes.
struct Destination {
  std::string ours;
  Piece piece = Piece::whole;
};
// Empty where no rule fits the name (without prefixes) or its block is not below `depth`.
std::optional<Destination> destination_of(const NameMap& map, const std::string& name, int depth);
bool known_unused(const NameMap& map, const std::string& name);

// The name that a file has for ours; empty where the map has none.
std::string file_name_of(const NameMap& map, const std::string& ours, Piece piece,
                         const std::string& ffn);

struct FileTensor {
  std::string name;  // as the file has it
  at::Tensor tensor;
};

struct TakeRules {
  const NameMap& map;
  const EncoderSpec& spec;
  bool zero_key_bias = false;
};

// A file's tensors by our names.
class Gathered {
 public:
  // Our tensor `name`, float32, of shape `expected`: the file's own, or its three pieces one below
  // the other. Undefined where it is missing or does not fit; what happened is added to `fates`.
  at::Tensor take(const std::string& name, at::IntArrayRef expected, const TakeRules& rules,
                  std::vector<TensorFate>& fates);
  std::optional<FileTensor> take_whole(const std::string& name);
  // What nobody took is unexpected.
  void leave(std::vector<TensorFate>& fates) const;

 private:
  friend Gathered gather(const NamedTensors&, const NameMap&, int, std::vector<TensorFate>&);
  std::map<std::string, std::array<std::optional<FileTensor>, 4>> places_;  // by Piece
};

// Tensors without a place are known unused or unexpected, which is added to `fates`.
Gathered gather(const NamedTensors& tensors, const NameMap& map, int depth,
                std::vector<TensorFate>& fates);

}  // namespace permafrost
