// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a network computes in. In bfloat16 weights and activations have 8 bits of mantissa.
#include "common/json/json_object.h"

namespace permafrost {

enum class Precision { float32, bfloat16 };

// "float32" or "bfloat16" at `key`; float32 where there is none. Throws InputError for another.
inline Precision read_precision(JsonObject& object, const char* key = "precision") {
  return object.choice(key, {"float32", "bfloat16"}, "float32") == "bfloat16" ? Precision::bfloat16
                                                                              : Precision::float32;
}

}  // namespace permafrost
