// SPDX-License-Identifier: Apache-2.0
#include "common/error.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace permafrost {
namespace {

std::string one_line(const std::string& where, const std::string& field,
                     const std::string& expected, const std::string& found,
                     const std::string& hint) {
  std::string line = where;
  if (!field.empty()) line += ": " + field;
  line += ": expected " + expected + ", found " + found;
  if (!hint.empty()) line += " (" + hint + ")";
  return line;
}

}  // namespace

Error::Error(const std::string& message, int exit_status)
    : std::runtime_error(message), exit_status_(exit_status) {}

InputError::InputError(const std::string& where, const std::string& field,
                       const std::string& expected, const std::string& found,
                       const std::string& hint)
    : Error(one_line(where, field, expected, found, hint), 2) {}

std::string quoted(const std::string& text) {
  constexpr std::size_t kLongest = 120;
  std::string out = "\"";
  for (const char c : text.substr(0, kLongest)) {
    if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(c) & 0xffU);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + (text.size() > kLongest ? "...\"" : "\"");
}

std::string unquoted(const std::string& text) {
  const std::string whole = quoted(text);
  return whole.substr(1, whole.size() - 2);
}

std::string system_reason() { return std::strerror(errno); }

}  // namespace permafrost
