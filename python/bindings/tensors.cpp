// SPDX-License-Identifier: Apache-2.0
#include "python/bindings/tensors.h"

#include <ATen/ATen.h>
#include <ATen/DLConvertor.h>
#include <ATen/Parallel.h>

#include <memory>

#include "common/error.h"
#include "common/machine/parallel.h"

namespace permafrost::python {
namespace {

constexpr const char* kFresh = "dltensor";  // a capsule that nobody has taken yet
constexpr const char* kTaken = "used_dltensor";

// For a capsule that nobody took.
void release(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, kFresh) == 0) return;
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, kFresh));
  managed->deleter(managed);
}

}  // namespace

at::Tensor tensor_of(nb::handle object, const std::string& what) {
  if (!nb::hasattr(object, "__dlpack__"))
    throw InputError(what, "", "a torch.Tensor or a NumPy array",
                     nb::cast<std::string>(nb::str(object.type())));
  const nb::object capsule = object.attr("__dlpack__")();
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), kFresh));
  if (managed == nullptr) throw nb::python_error();
  at::Tensor tensor = at::fromDLPack(managed);  // frees it with the tensor
  PyCapsule_SetName(capsule.ptr(), kTaken);
  return tensor;
}

nb::object python_tensor(const at::Tensor& tensor) {
  DLManagedTensor* managed = at::toDLPack(tensor);
  PyObject* made = PyCapsule_New(managed, kFresh, release);
  if (made == nullptr) {
    managed->deleter(managed);
    throw nb::python_error();
  }
  const nb::object capsule = nb::steal(made);
  return nb::module_::import_("torch.utils.dlpack").attr("from_dlpack")(capsule);
}

nb::object python_tensors(const std::vector<at::Tensor>& tensors) {
  nb::list list;
  for (const auto& tensor : tensors) list.append(python_tensor(tensor));
  return list;
}

at::Tensor tensor_from(std::vector<std::uint8_t> bytes, std::vector<std::int64_t> shape) {
  auto* held = new std::vector<std::uint8_t>(std::move(bytes));
  return at::from_blob(
      held->data(), shape, [held](void*) { delete held; }, at::kByte);
}

nb::object python_value(const std::string& json) {
  return nb::module_::import_("json").attr("loads")(nb::str(json.data(), json.size()));
}

OneThreadInside::OneThreadInside() : before_(at::get_num_threads()) { at::set_num_threads(1); }
OneThreadInside::~OneThreadInside() { at::set_num_threads(before_); }

int thread_count(int asked) {
  if (asked < 0)
    throw InputError("threads", "", "a number from 1, or 0 for all", std::to_string(asked));
  return asked == 0 ? available_threads() : asked;
}

}  // namespace permafrost::python
