// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/label_sets.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "datasets/lists/manifest_builder.h"
#include "datasets/lists/text_line.h"

namespace permafrost {
namespace {

// What stands between any of the separators; what is empty is left out.
std::vector<std::string> parts_of(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    const std::string_view part = trimmed(text.substr(0, end));
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool is_seconds(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}

// "c092 11.90 21.20" -> "c092".
std::string without_times(const std::string& label) {
  const auto words = parts_of(label, kBlanks);
  const bool timed =
      words.size() == 3 && !is_seconds(words[0]) && is_seconds(words[1]) && is_seconds(words[2]);
  return timed ? words[0] : label;
}

}  // namespace

std::vector<std::string> labels_of_cell(std::string_view cell) {
  cell = trimmed(cell);
  if (cell.size() >= 2 && cell.front() == '[' && cell.back() == ']')
    cell = trimmed(cell.substr(1, cell.size() - 2));
  for (const std::string_view separators : {";|", ","})
    if (cell.find_first_of(separators) != std::string_view::npos) {
      auto labels = parts_of(cell, separators);
      std::transform(labels.begin(), labels.end(), labels.begin(), without_times);
      return labels;
    }
  auto words = parts_of(cell, kBlanks);
  if (std::all_of(words.begin(), words.end(),
                  [](const std::string& word) { return whole_number(word).has_value(); }))
    return words;
  return {without_times(std::string(cell))};
}

}  // namespace permafrost
