// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/named_tensors.h"

#include <ATen/ATen.h>

#include "common/error.h"
#include "common/files/hash.h"

namespace permafrost {

std::vector<at::Tensor> values_of(const NamedTensors& tensors) {
  std::vector<at::Tensor> values;
  for (const auto& [name, tensor] : tensors) values.push_back(tensor);
  return values;
}

std::string not_finite_text(const at::Tensor& tensor) {
  const auto wrong = tensor.numel() - tensor.isfinite().sum().item<std::int64_t>();
  if (wrong == 0) return "";
  return c10::str(wrong, " of ", tensor.numel(), " values are not finite numbers");
}

void require_finite(const NamedTensors& tensors, const std::string& file) {
  for (const auto& [name, tensor] : tensors)
    if (const std::string wrong = not_finite_text(tensor); !wrong.empty())
      throw Error(file + ": not written: " + name + ": " + wrong);
}

std::string hash_of(const NamedTensors& tensors) {
  Sha256 hash;
  for (const auto& [name, tensor] : tensors) {
    // dtype().name() is a view into a longer text of the compiler's: never its data() alone.
    hash.add(c10::str(name, " ", tensor.sizes(), " ", tensor.dtype().name(), "\n"));
    const at::Tensor bytes = tensor.detach().to(at::kCPU).contiguous();
    hash.add(bytes.data_ptr(), bytes.nbytes());
  }
  return hash.hex();
}

}  // namespace permafrost
