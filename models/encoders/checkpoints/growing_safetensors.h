// SPDX-License-Identifier: Apache-2.0
#pragma once

// A safetensors file whose first tensor is written row by row, before it is known how many rows
// there will be: features of a video of any length, which need not fit into memory.
//
//   GrowingSafetensors file("film.safetensors", "features", {18, 64});
//   file.add(rows);                                     // float32 [R,18,64], as often as there are
//   file.finish({{"frames", frames}}, {{"format", "permafrost.features.2"}});
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/files/file_writer.h"
#include "models/network/layers/named_tensors.h"

namespace permafrost {

// The file appears whole with finish(), or not at all.
class GrowingSafetensors {
 public:
  // Throws InputError where the path cannot be written to, or is a device or a pipe: the header
  // stands in front and is written last.
  GrowingSafetensors(const std::filesystem::path& path, std::string name,
                     std::vector<std::int64_t> row);

  // Float32 [R,row...]. Throws Error for other shapes, and where the disk is full.
  void add(const at::Tensor& rows);
  std::int64_t rows() const { return rows_; }
  // `more` stand behind the rows. Throws Error where the header is longer than kLongestGrown.
  void finish(const NamedTensors& more, const std::map<std::string, std::string>& metadata);

 private:
  std::filesystem::path path_;
  std::string name_;
  std::vector<std::int64_t> row_;
  FileWriter file_;
  std::int64_t rows_ = 0;
};

inline constexpr std::size_t kLongestGrown = 65536;  // bytes of the header, padded with spaces

}  // namespace permafrost
