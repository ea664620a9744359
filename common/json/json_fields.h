// SPDX-License-Identifier: Apache-2.0
#pragma once

// One list of a struct's fields, for reading it from JSON and writing it:
//
//   template <class Options, class Visitor>
//   void fields_of(Options& options, Visitor&& visit) {
//     visit("epochs", options.epochs, 1, 1000);                       // with the range of a number
//     visit.when(options.drop_path > 0, "drop_path", options.drop_path, 0, 0.9);
//   }
//   fields_of(options, FieldReader(object));   // what is not there keeps its value
//   fields_of(options, FieldWriter(json));     // `when` writes only what its condition allows
//
// A reader makes every field a known key of the object, whether it is there or not, so that a
// misspelt one is told of it. A reader with Missing::refused asks for every field but optional
// numbers and those of `when` and `named`. Readers throw what JsonObject throws.
#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/json/json_object.h"

namespace permafrost {

// A value of an enumeration and its name in files.
template <class Value>
struct NamedValue {
  const char* name;
  Value value;
};

template <class Value, std::size_t N>
std::string name_among(const NamedValue<Value> (&values)[N], Value value) {
  for (const auto& named : values)
    if (named.value == value) return named.name;
  throw Error("a value without a name");
}

inline OrderedJson number_or_null(const std::optional<double>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

// Into Json or OrderedJson.
template <class AnyJson>
class FieldWriter {
 public:
  explicit FieldWriter(AnyJson& json) : json_(json) {}

  template <class Value, class... Range>
  void operator()(const char* key, const Value& value, Range...) const {
    json_[key] = value;
  }
  void operator()(const char* key, const std::optional<double>& value) const {
    json_[key] = value ? AnyJson(*value) : AnyJson(nullptr);
  }
  template <class Value, class... Range>
  void when(bool written, const char* key, const Value& value, Range...) const {
    if (written) json_[key] = value;
  }
  // Written where it is set.
  void set(const char* key, const std::optional<bool>& value) const {
    if (value) json_[key] = *value;
  }
  // One of some names; empty: none was given.
  void choice(const char* key, const std::string& value, const std::vector<std::string>&) const {
    if (!value.empty()) json_[key] = value;
  }
  template <class Value, std::size_t N>
  void named(bool written, const char* key, Value value,
             const NamedValue<Value> (&values)[N]) const {
    if (written) json_[key] = name_among(values, value);
  }

 private:
  AnyJson& json_;
};

enum class Missing { kept, refused };

class FieldReader {
 public:
  explicit FieldReader(JsonObject& object, Missing missing = Missing::kept)
      : object_(object), missing_(missing) {}

  void operator()(const char* key, int& value, std::int64_t low = INT32_MIN,
                  std::int64_t high = INT32_MAX) const {
    value = static_cast<int>(object_.integer(key, usual<std::int64_t>(value), low, high));
  }
  void operator()(const char* key, std::int64_t& value, std::int64_t low = INT64_MIN,
                  std::int64_t high = INT64_MAX) const {
    value = object_.integer(key, usual(value), low, high);
  }
  void operator()(const char* key, double& value, double low = -1e300, double high = 1e300) const {
    value = object_.number(key, usual(value), low, high);
  }
  void operator()(const char* key, bool& value) const {
    value = object_.boolean(key, usual(value));
  }
  void operator()(const char* key, std::string& value) const {
    value = object_.text(key, usual(value));
  }
  void operator()(const char* key, std::vector<double>& value) const {
    value = object_.numbers(key, usual(value));
  }
  void operator()(const char* key, std::vector<std::string>& value) const {
    value = object_.texts(key, usual(value));
  }
  void operator()(const char* key, std::vector<int>& value, std::int64_t low = INT32_MIN,
                  std::int64_t high = INT32_MAX) const {
    const auto found =
        object_.integers(key, usual(std::vector<std::int64_t>(value.begin(), value.end())));
    value.clear();
    for (const std::int64_t one : found) {
      if (one < low || one > high)
        throw InputError(
            object_.where(key), "",
            "whole numbers from " + std::to_string(low) + " to " + std::to_string(high),
            std::to_string(one));
      value.push_back(static_cast<int>(one));
    }
  }
  void set(const char* key, std::optional<bool>& value) const {
    if (object_.child(key) != nullptr) value = object_.boolean(key);
  }
  template <std::size_t N>
  void operator()(const char* key, std::array<double, N>& value) const {
    const auto found = object_.numbers(key, usual(std::vector<double>(value.begin(), value.end())));
    if (found.size() != N)
      throw InputError(object_.where(key), "", std::to_string(N) + " numbers",
                       std::to_string(found.size()));
    std::copy(found.begin(), found.end(), value.begin());
  }
  void operator()(const char* key, std::optional<double>& value) const {
    const Json* json = object_.child(key);
    if (json != nullptr && !json->is_null()) value = object_.number(key);
  }
  // Any value, as it is.
  void operator()(const char* key, Json& value) const {
    const Json* json = object_.child(key);
    if (json != nullptr)
      value = *json;
    else if (missing_ == Missing::refused)
      throw InputError(object_.where(key), "", "a value", "no such key");
  }
  template <class Value, class... Range>
  void when(bool, const char* key, Value& value, Range... range) const {
    FieldReader{object_}(key, value, range...);
  }
  void choice(const char* key, std::string& value, const std::vector<std::string>& names) const {
    if (object_.child(key) == nullptr && missing_ == Missing::kept) return;
    value = object_.choice(key, names, usual(value));
  }
  template <class Value, std::size_t N>
  void named(bool, const char* key, Value& value, const NamedValue<Value> (&values)[N]) const {
    if (object_.child(key) == nullptr) return;
    std::vector<std::string> names;
    for (const auto& named : values) names.emplace_back(named.name);
    const std::string found = object_.choice(key, names);
    for (const auto& named : values)
      if (found == named.name) value = named.value;
  }

 private:
  // What stands for a field that is not there.
  template <class Value>
  std::optional<Value> usual(const Value& value) const {
    return missing_ == Missing::kept ? std::optional<Value>(value) : std::nullopt;
  }

  JsonObject& object_;
  Missing missing_;
};

}  // namespace permafrost
