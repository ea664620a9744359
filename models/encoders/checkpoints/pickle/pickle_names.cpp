// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/pickle/pickle_names.h"

#include <string>
#include <unordered_map>

namespace permafrost {
namespace {

using Use = PickleName::Use;
using Names = std::unordered_map<std::string, PickleName>;

struct TorchType {
  at::ScalarType type;
  const char* dtype;
  const char* storage;  // a null pointer for types that came after typed storages
};

constexpr TorchType kTorchTypes[] = {{at::kDouble, "float64", "DoubleStorage"},
                                     {at::kFloat, "float32", "FloatStorage"},
                                     {at::kHalf, "float16", "HalfStorage"},
                                     {at::kBFloat16, "bfloat16", "BFloat16Storage"},
                                     {at::kComplexFloat, "complex64", "ComplexFloatStorage"},
                                     {at::kComplexDouble, "complex128", "ComplexDoubleStorage"},
                                     {at::kLong, "int64", "LongStorage"},
                                     {at::kInt, "int32", "IntStorage"},
                                     {at::kShort, "int16", "ShortStorage"},
                                     {at::kChar, "int8", "CharStorage"},
                                     {at::kByte, "uint8", "ByteStorage"},
                                     {at::kBool, "bool", "BoolStorage"},
                                     {at::kUInt16, "uint16", nullptr},
                                     {at::kUInt32, "uint32", nullptr},
                                     {at::kUInt64, "uint64", nullptr},
                                     {at::kFloat8_e4m3fn, "float8_e4m3fn", nullptr},
                                     {at::kFloat8_e5m2, "float8_e5m2", nullptr},
                                     {at::kFloat8_e4m3fnuz, "float8_e4m3fnuz", nullptr},
                                     {at::kFloat8_e5m2fnuz, "float8_e5m2fnuz", nullptr},
                                     {at::kFloat8_e8m0fnu, "float8_e8m0fnu", nullptr}};

void add_numpy(Names& names) {
  for (const std::string core : {"numpy.core.", "numpy._core."}) {
    names[core + "multiarray.scalar"] = {Use::numpy_scalar};
    names[core + "multiarray._reconstruct"] = {Use::numpy_array};
    names[core + "numeric._frombuffer"] = {Use::numpy_array};
  }
  names["numpy.dtype"] = {Use::opaque};
  names["numpy.ndarray"] = {Use::data};
  names["_codecs.encode"] = {Use::encode};
}

Names make_names() {
  Names names;
  for (const auto& torch : kTorchTypes) {
    names[std::string("torch.") + torch.dtype] = {Use::dtype, torch.type};
    if (torch.storage != nullptr)
      names[std::string("torch.") + torch.storage] = {Use::storage, torch.type};
  }
  for (const char* name : {"torch.storage.UntypedStorage", "torch.UntypedStorage"})
    names[name] = {Use::untyped, at::kByte};
  for (const char* name : {"torch.storage.TypedStorage", "torch.TypedStorage"}) names[name] = {};
  for (const char* name : {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"})
    names[name] = {Use::tensor};
  names["torch._utils._rebuild_tensor_v3"] = {Use::tensor_v3};
  names["torch._utils._rebuild_parameter"] = {Use::parameter};
  names["torch._utils._rebuild_parameter_with_state"] = {Use::parameter};
  names["torch.Size"] = {Use::size};
  names["torch.device"] = {Use::opaque};
  names["collections.OrderedDict"] = {Use::dictionary};
  for (const std::string module : {"builtins.", "__builtin__."}) {
    names[module + "set"] = {Use::set};
    names[module + "frozenset"] = {Use::set};
    names[module + "bytes"] = {Use::bytes};
  }
  names["argparse.Namespace"] = {Use::opaque};
  for (const std::string module : {"pathlib.", "pathlib._local."}) {
    names[module + "PosixPath"] = {Use::opaque};
    names[module + "PurePosixPath"] = {Use::opaque};
  }
  add_numpy(names);
  return names;
}

}  // namespace

std::optional<PickleName> allowed_name(std::string_view name) {
  static const Names names = make_names();
  const auto found = names.find(std::string(name));
  if (found == names.end()) return std::nullopt;
  return found->second;
}

}  // namespace permafrost
