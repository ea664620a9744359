// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a call complains about. Tests only.
#include <functional>
#include <string>

#include "common/error.h"

namespace permafrost {

// The text of the InputError that `body` throws; empty where it throws none.
inline std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

inline bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace permafrost
