// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/class_names.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "common/error.h"
#include "common/files/files.h"
#include "common/json/json_object.h"
#include "datasets/lists/text_line.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

using IndexedName = std::pair<std::int64_t, std::string>;

std::string without_quotes(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  return std::string(text);
}

std::optional<std::int64_t> index_of(std::string_view text) {
  text = trimmed(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// "3,abseiling", "abseiling 3" and the like: a number on one side of the line.
std::optional<IndexedName> indexed_name(std::string_view line) {
  constexpr std::string_view kSeparators = ",;\t ";
  if (const std::size_t cut = line.find_first_of(kSeparators); cut != std::string_view::npos) {
    if (const auto index = index_of(line.substr(0, cut)))
      return IndexedName{*index, without_quotes(line.substr(cut + 1))};
  }
  if (const std::size_t cut = line.find_last_of(kSeparators); cut != std::string_view::npos) {
    if (const auto index = index_of(line.substr(cut + 1)))
      return IndexedName{*index, without_quotes(line.substr(0, cut))};
  }
  return std::nullopt;
}

std::vector<std::string> in_order(std::vector<IndexedName> names, const std::string& where) {
  std::sort(names.begin(), names.end());
  std::vector<std::string> ordered;
  for (std::size_t k = 0; k < names.size(); ++k) {
    if (names[k].first != static_cast<std::int64_t>(k)) {
      throw InputError(where, "index of class " + quoted(names[k].second), std::to_string(k),
                       std::to_string(names[k].first),
                       "indices are 0 to n-1, each once; check that labels count from 0 as well");
    }
    ordered.push_back(std::move(names[k].second));
  }
  return ordered;
}

std::vector<std::string> from_lines(const std::string& text, const std::string& where) {
  std::vector<std::string> lines;
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (const auto line = trimmed(rest.substr(0, end)); !line.empty()) lines.emplace_back(line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  // Every line has an index, the first perhaps not: a header.
  std::vector<IndexedName> indexed;
  std::size_t first_without = lines.size();
  for (std::size_t k = 0; k < lines.size(); ++k) {
    if (auto name = indexed_name(lines[k]))
      indexed.push_back(std::move(*name));
    else
      first_without = std::min(first_without, k);
  }
  if (indexed.size() == lines.size() ||
      (first_without == 0 && indexed.size() > 0 && indexed.size() + 1 == lines.size()))
    return in_order(std::move(indexed), where);
  for (auto& line : lines) line = without_quotes(line);
  return lines;
}

// A word, or a list of words.
std::string name_in_list(const Json& item, const std::string& where) {
  if (item.is_string()) return item.get<std::string>();
  std::string name;
  if (item.is_array() && !item.empty()) {
    for (const auto& word : item) {
      if (!word.is_string()) throw InputError(where, "", "a text", word.type_name());
      name += (name.empty() ? "" : " ") + word.get<std::string>();
    }
    return name;
  }
  throw InputError(where, "", "a name, or a list of words", item.type_name());
}

std::vector<std::string> from_json(const Json& json, const std::string& where) {
  std::vector<std::string> names;
  if (json.is_array()) {
    for (std::size_t k = 0; k < json.size(); ++k)
      names.push_back(name_in_list(json[k], where + ":/" + std::to_string(k)));
    return names;
  }
  if (!json.is_object())
    throw InputError(where, "", "a list of names or an object of names and indices",
                     json.type_name());
  std::vector<IndexedName> indexed;
  for (const auto& [key, value] : json.items()) {
    const bool is_text = value.is_string();
    std::optional<std::int64_t> index;
    if (value.is_number_integer()) index = value.get<std::int64_t>();
    if (is_text) index = index_of(value.get<std::string>());
    if (index) {
      indexed.emplace_back(*index, key);
    } else if (is_text && index_of(key)) {
      indexed.emplace_back(*index_of(key), value.get<std::string>());
    } else {
      throw InputError(where, key, "an index for a name, or a name for an index",
                       quoted(value.dump()));
    }
  }
  return in_order(std::move(indexed), where);
}

}  // namespace

std::vector<std::string> read_class_names(const fs::path& path) {
  return parse_class_names(read_file(path), path);
}

std::vector<std::string> parse_class_names(const std::string& text, const fs::path& path) {
  const std::string where = path.string();
  if (text.find('\0') != std::string::npos)
    throw InputError(where, "", "a text file of class names", "binary data");
  std::vector<std::string> names = path.extension() == ".json"
                                       ? from_json(parse_json(text, where), where)
                                       : from_lines(text, where);
  if (names.empty()) throw InputError(where, "", "at least one name", "none");
  std::set<std::string> seen;
  for (const auto& name : names) {
    if (name.empty()) throw InputError(where, "", "names", "an empty one");
    if (!seen.insert(name).second)
      throw InputError(where, "", "every name once", quoted(name) + " twice");
  }
  return names;
}

std::string class_name_of(const std::vector<std::string>& names, int label) {
  const auto k = static_cast<std::size_t>(label);
  return k < names.size() ? names[k] : std::to_string(label);
}

}  // namespace permafrost
