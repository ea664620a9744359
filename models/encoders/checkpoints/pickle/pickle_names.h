// SPDX-License-Identifier: Apache-2.0
#pragma once

// The allow list of pickles: every module-level name that may stand in one, and what it means.
#include <c10/core/ScalarType.h>

#include <optional>
#include <string_view>

namespace permafrost {

struct PickleName {
  enum class Use {
    data,          // stands as a value only
    dtype,         // torch.float32
    storage,       // torch.FloatStorage
    untyped,       // torch.storage.UntypedStorage
    dictionary,    // called: an empty dictionary, or one of a list of pairs
    set,           // called: of a list
    size,          // called: torch.Size of a tuple
    bytes,         // called without arguments
    encode,        // called: _codecs.encode(text, "latin1")
    tensor,        // called: torch._utils._rebuild_tensor[_v2]
    tensor_v3,     // called: with a dtype, over bytes
    parameter,     // called: of a tensor
    numpy_scalar,  // called: of a dtype and bytes
    numpy_array,   // called: kept as "numpy.ndarray"
    opaque         // called: kept as its name and arguments
  };
  Use use = Use::data;
  at::ScalarType type = at::ScalarType::Undefined;  // of a dtype and a storage
};

// By full name ("torch._utils._rebuild_tensor_v2"); nothing for what is not allowed.
std::optional<PickleName> allowed_name(std::string_view name);

}  // namespace permafrost
