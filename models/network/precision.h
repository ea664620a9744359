// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a network computes in: how many bits of mantissa go into its products.
#include <string>
#include <vector>

#include "common/json/json_object.h"

namespace permafrost {

enum class Precision {
  float32,   // 23 bits, everywhere
  bfloat16,  // weights and activations have 7 bits
  tf32  // what is multiplied has 10 bits; weights, activations and sums have 23: tensor_float.h
};

inline const char* name_of(Precision precision) {
  if (precision == Precision::float32) return "float32";
  return precision == Precision::bfloat16 ? "bfloat16" : "tf32";
}

// The name of one of `choices` at `key`; float32 where there is none. Throws InputError for
// another.
inline Precision read_precision(JsonObject& object, const std::vector<Precision>& choices,
                                const char* key = "precision") {
  std::vector<std::string> names;
  for (const Precision precision : choices) names.emplace_back(name_of(precision));
  const std::string named = object.choice(key, names, "float32");
  for (const Precision precision : choices)
    if (named == name_of(precision)) return precision;
  return Precision::float32;
}

}  // namespace permafrost
