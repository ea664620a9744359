// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the bindings share: tensors between PyTorch and LibTorch without a copy (DLPack), JSON, and
// LibTorch's threads while several of ours compute.
#include <ATen/core/Tensor.h>
#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/json/json_object.h"

namespace permafrost::python {

namespace nb = nanobind;

// The memory of a torch.Tensor (or whatever has __dlpack__), shared with it. The tensor must not
// require gradients. Throws InputError naming `what`.
at::Tensor tensor_of(nb::handle object, const std::string& what);

// A torch.Tensor that shares the memory of `tensor`.
nb::object python_tensor(const at::Tensor& tensor);
nb::object python_tensors(const std::vector<at::Tensor>& tensors);  // a list of them

// A tensor that owns these bytes: uint8 in the given shape, no copy.
at::Tensor tensor_from(std::vector<std::uint8_t> bytes, std::vector<std::int64_t> shape);

// What json.loads() makes of it: dicts, lists and plain values.
nb::object python_value(const std::string& json);
template <typename AnyJson>
nb::object python_json(const AnyJson& json) {
  return python_value(json.dump(-1, ' ', false, AnyJson::error_handler_t::replace));
}

// Where threads of ours run side by side, LibTorch works with one inside of an operation, as in the
// program. Puts back what PyTorch was set to.
class OneThreadInside {
 public:
  OneThreadInside();
  ~OneThreadInside();
  OneThreadInside(const OneThreadInside&) = delete;
  OneThreadInside& operator=(const OneThreadInside&) = delete;

 private:
  int before_;
};

// At least 1; 0 stands for as many as this process may use. Throws InputError for less.
int thread_count(int asked);

}  // namespace permafrost::python
