// SPDX-License-Identifier: Apache-2.0
#include "bench/text/markdown.h"

#include <algorithm>
#include <cstdio>

namespace permafrost {
namespace {

// Characters on the screen: code points of UTF-8.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return right ? space + text : text + space;
}

}  // namespace

std::string fixed(double value, int digits, bool sign) {
  char text[64];
  std::snprintf(text, sizeof text, sign ? "%+.*f" : "%.*f", digits, value);
  const std::string out = text;
  // No "-0.0".
  if (out.find_first_of("123456789") == std::string::npos && out[0] == '-')
    return (sign ? "+" : "") + out.substr(1);
  return out;
}

std::string interval_text(const Interval& ci95, bool sign) {
  return "[" + fixed(ci95.low, 1, sign) + ", " + fixed(ci95.high, 1, sign) + "]";
}

std::string markdown_table(const TextRows& rows, const std::vector<bool>& right) {
  std::vector<std::size_t> widths(rows[0].size(), 3);
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < widths.size(); ++c)
      text += "| " + padded(rows[r][c], widths[c], right[c]) + " ";
    text += "|\n";
    if (r > 0) continue;
    for (std::size_t c = 0; c < widths.size(); ++c)
      text += (right[c] ? "|-" : "|:") + std::string(widths[c], '-') + (right[c] ? ":" : "-");
    text += "|\n";
  }
  return text;
}

}  // namespace permafrost
