// SPDX-License-Identifier: Apache-2.0
#pragma once

// Strict reading of JSON configurations: every key is asked for by name and type, and what was not
// asked for is an error that names the nearest valid key.
//
//   JsonObject object(json, "tiny.json");
//   spec.width = object.integer("width", 96, 1, 8192);      // default 96, range
//   spec.name = object.text("name");                        // required
//   object.finish();                                        // unknown keys are refused
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace permafrost {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

class JsonObject {
 public:
  // `where` is the file and, for nested objects, the JSON pointer ("a.json:/encoder"). `json` must
  // outlive the reader. Throws InputError when it is not an object.
  JsonObject(const Json& json, std::string where);

  bool has(const std::string& key) const;
  // Each throws InputError for a missing key without default, a wrong type, or a value out of
  // range.
  std::int64_t integer(const std::string& key, std::optional<std::int64_t> fallback = {},
                       std::int64_t low = INT64_MIN, std::int64_t high = INT64_MAX);
  double number(const std::string& key, std::optional<double> fallback = {}, double low = -1e300,
                double high = 1e300);
  bool boolean(const std::string& key, std::optional<bool> fallback = {});
  std::string text(const std::string& key, std::optional<std::string> fallback = {});
  std::string choice(const std::string& key, const std::vector<std::string>& values,
                     std::optional<std::string> fallback = {});
  std::vector<double> numbers(const std::string& key,
                              const std::optional<std::vector<double>>& fallback = {});
  std::vector<std::int64_t> integers(const std::string& key,
                                     const std::optional<std::vector<std::int64_t>>& fallback = {});
  std::vector<std::string> texts(const std::string& key,
                                 const std::optional<std::vector<std::string>>& fallback = {});
  // The raw value (object or array) for nested reading; a null pointer when absent.
  const Json* child(const std::string& key);
  // Marks a key as known without reading it (comments, sources).
  void skip(const std::string& key);
  std::string where(const std::string& key) const;
  void finish() const;

 private:
  const Json* find(const std::string& key, bool required);
  const Json& json_;
  std::string where_;
  std::vector<std::string> known_;
};

// Parses text; throws InputError with line and column. Duplicate keys and nesting of more than 100
// levels are refused.
Json parse_json(const std::string& text, const std::string& where);
Json read_json(const std::string& path);

// Applies "a.b=value" to a configuration (value: JSON, or bare text). Throws InputError naming
// `flag` when the text has no '=' or a step of the path is not an object.
void set_json(Json& json, const std::string& assignment, const std::string& flag = "--set");

}  // namespace permafrost
