// SPDX-License-Identifier: Apache-2.0
#pragma once

// Single fields of JSON that nobody has checked, such as the protocol in a record: what is not
// there or of another type is nothing.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/json/json_object.h"

namespace permafrost {

inline std::optional<double> number_in(const Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key) || !json[key].is_number()) return std::nullopt;
  return json[key].get<double>();
}

inline std::string text_in(const Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key) || !json[key].is_string()) return "";
  return json[key].get<std::string>();
}

}  // namespace permafrost
