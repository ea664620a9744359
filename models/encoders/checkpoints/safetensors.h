// SPDX-License-Identifier: Apache-2.0
#pragma once

// The safetensors format: u64 header length, JSON header, raw little-endian values. Our native
// format for weights and features.
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

#include "models/encoders/checkpoints/bytes/byte_range.h"
#include "models/network/layers/named_tensors.h"

namespace permafrost {

struct SafetensorsFile {
  NamedTensors tensors;  // in file order; over a private map of the file where it is aligned
  std::map<std::string, std::string> metadata;

  // Throws InputError naming `file` when the tensor is not there.
  const at::Tensor& tensor(const std::string& name, const std::string& file) const;
};

// Checks every size against the file before memory is taken. Throws InputError naming file and
// tensor for a truncated file, a bad header, ranges that overlap or leave bytes to nobody, dtypes
// that LibTorch has not (F4, F6_E2M3 ...). A bool other than 0 and 1 is refused.
SafetensorsFile read_safetensors(const std::filesystem::path& path);
// The same of bytes in memory; `where` names them in errors.
SafetensorsFile read_safetensors(const ByteRange& file, const std::string& where);

// Whole or not at all. Tensors are written contiguous, in the order given, names unique.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata);

// The JSON header of such a file, padded to whole 8 bytes; values are not looked at. Throws Error
// naming `where`.
std::string safetensors_header(const NamedTensors& tensors,
                               const std::map<std::string, std::string>& metadata,
                               const std::string& where);

}  // namespace permafrost
