// SPDX-License-Identifier: Apache-2.0
#include "common/json/json_object.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "common/error.h"
#include "common/files/files.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

constexpr int kDeepestJson = 100;

std::string shown(const Json& json) {
  if (json.is_object()) return "an object";
  if (json.is_array()) return "an array";
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

std::string number_text(double value) {
  std::ostringstream out;
  out.precision(10);
  out << value;
  return out.str();
}

template <typename T, typename Convert>
std::vector<T> array_of(const Json* json, const std::string& where, const std::string& key,
                        const std::string& expected, const std::optional<std::vector<T>>& fallback,
                        Convert convert) {
  if (json == nullptr) return *fallback;
  if (!json->is_array()) throw InputError(where, key, expected, shown(*json));
  std::vector<T> out;
  for (const auto& item : *json) {
    if (!convert(item, out)) throw InputError(where, key, expected, "an item " + shown(item));
  }
  return out;
}

}  // namespace

JsonObject::JsonObject(const Json& json, std::string where)
    : json_(json), where_(std::move(where)) {
  if (!json.is_object()) throw InputError(where_, "", "a JSON object", shown(json));
}

bool JsonObject::has(const std::string& key) const { return json_.contains(key); }

const Json* JsonObject::find(const std::string& key, bool required) {
  known_.push_back(key);
  const auto it = json_.find(key);
  if (it != json_.end()) return &*it;
  if (required) throw InputError(where_, key, "a value", "no such key");
  return nullptr;
}

std::int64_t JsonObject::integer(const std::string& key, std::optional<std::int64_t> fallback,
                                 std::int64_t low, std::int64_t high) {
  const Json* json = find(key, !fallback);
  if (json == nullptr) return *fallback;
  std::string expected = "a whole number";
  if (low != INT64_MIN) expected += " from " + std::to_string(low);
  if (high != INT64_MAX) expected += " to " + std::to_string(high);
  if (!json->is_number_integer()) throw InputError(where_, key, expected, shown(*json));
  const bool too_large = json->is_number_unsigned() &&
                         json->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t value = too_large ? INT64_MAX : json->get<std::int64_t>();
  if (too_large || value < low || value > high)
    throw InputError(where_, key, expected, shown(*json));
  return value;
}

double JsonObject::number(const std::string& key, std::optional<double> fallback, double low,
                          double high) {
  const Json* json = find(key, !fallback);
  if (json == nullptr) return *fallback;
  std::string expected = "a number";
  if (low > -1e300) expected += " from " + number_text(low);
  if (high < 1e300) expected += " to " + number_text(high);
  if (!json->is_number()) throw InputError(where_, key, expected, shown(*json));
  const double value = json->get<double>();
  if (!std::isfinite(value) || value < low || value > high)
    throw InputError(where_, key, expected, shown(*json));
  return value;
}

bool JsonObject::boolean(const std::string& key, std::optional<bool> fallback) {
  const Json* json = find(key, !fallback);
  if (json == nullptr) return *fallback;
  if (!json->is_boolean()) throw InputError(where_, key, "true or false", shown(*json));
  return json->get<bool>();
}

std::string JsonObject::text(const std::string& key, std::optional<std::string> fallback) {
  const Json* json = find(key, !fallback);
  if (json == nullptr) return *fallback;
  if (!json->is_string()) throw InputError(where_, key, "text", shown(*json));
  return json->get<std::string>();
}

std::string JsonObject::choice(const std::string& key, const std::vector<std::string>& values,
                               std::optional<std::string> fallback) {
  std::string value = text(key, std::move(fallback));
  for (const auto& candidate : values)
    if (candidate == value) return value;
  throw InputError(where_, key, "one of " + joined(values), quoted(value),
                   "nearest: " + nearest_name(value, values));
}

std::vector<double> JsonObject::numbers(const std::string& key,
                                        const std::optional<std::vector<double>>& fallback) {
  return array_of<double>(find(key, !fallback), where_, key, "an array of numbers", fallback,
                          [](const Json& item, std::vector<double>& out) {
                            if (!item.is_number()) return false;
                            out.push_back(item.get<double>());
                            return true;
                          });
}

std::vector<std::int64_t> JsonObject::integers(
    const std::string& key, const std::optional<std::vector<std::int64_t>>& fallback) {
  return array_of<std::int64_t>(find(key, !fallback), where_, key, "an array of whole numbers",
                                fallback, [](const Json& item, std::vector<std::int64_t>& out) {
                                  if (!item.is_number_integer()) return false;
                                  out.push_back(item.get<std::int64_t>());
                                  return true;
                                });
}

std::vector<std::string> JsonObject::texts(
    const std::string& key, const std::optional<std::vector<std::string>>& fallback) {
  return array_of<std::string>(find(key, !fallback), where_, key, "an array of texts", fallback,
                               [](const Json& item, std::vector<std::string>& out) {
                                 if (!item.is_string()) return false;
                                 out.push_back(item.get<std::string>());
                                 return true;
                               });
}

const Json* JsonObject::child(const std::string& key) { return find(key, false); }

void JsonObject::skip(const std::string& key) { known_.push_back(key); }

std::string JsonObject::where(const std::string& key) const {
  const bool nested = where_.find(":/") != std::string::npos;
  return where_ + (nested ? "/" : ":/") + key;
}

void JsonObject::finish() const {
  for (const auto& item : json_.items()) {
    bool found = false;
    for (const auto& key : known_) found = found || key == item.key();
    if (!found)
      throw InputError(where_, "", "a known key", quoted(item.key()),
                       "nearest valid key: " + quoted(nearest_name(item.key(), known_)));
  }
}

Json parse_json(const std::string& text, const std::string& where) {
  std::vector<std::set<std::string>> open;
  std::string duplicate;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDeepestJson)
      throw InputError(where, "", "at most " + std::to_string(kDeepestJson) + " levels of nesting",
                       "more");
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end && !open.empty()) open.pop_back();
    if (event == Json::parse_event_t::key && !open.empty() &&
        !open.back().insert(parsed.get<std::string>()).second)
      duplicate = parsed.get<std::string>();
    return true;
  };
  Json json;
  try {
    json = Json::parse(text, watch, true, true);
  } catch (const Json::exception& error) {
    std::string why = error.what();
    const auto at = why.find("parse error at ");
    throw InputError(where, "", "valid JSON", at == std::string::npos ? why : why.substr(at));
  }
  if (!duplicate.empty()) throw InputError(where, duplicate, "one value", "the key twice");
  return json;
}

Json read_json(const std::string& path) { return parse_json(read_file(path), path); }

void set_json(Json& json, const std::string& assignment, const std::string& flag) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0)
    throw InputError(flag, "", "key=value", quoted(assignment));
  const std::string value = assignment.substr(equals + 1);
  Json* place = &json;
  std::istringstream path(assignment.substr(0, equals));
  for (std::string step; std::getline(path, step, '.');) {
    if (!place->is_object() && !place->is_null())
      throw InputError(flag, assignment.substr(0, equals), "a path of objects", "a plain value");
    place = &(*place)[step];
  }
  Json parsed = Json::parse(value, nullptr, false);
  *place = parsed.is_discarded() ? Json(value) : parsed;
}

}  // namespace permafrost
