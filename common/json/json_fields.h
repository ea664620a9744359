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
// Readers throw what JsonObject throws.
#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
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

class FieldWriter {
 public:
  explicit FieldWriter(Json& json) : json_(json) {}

  template <class Value, class... Range>
  void operator()(const char* key, const Value& value, Range...) const {
    json_[key] = value;
  }
  template <class Value, class... Range>
  void when(bool written, const char* key, const Value& value, Range...) const {
    if (written) json_[key] = value;
  }
  // One of some names.
  void choice(const char* key, const std::string& value, const std::vector<std::string>&) const {
    json_[key] = value;
  }
  template <class Value, std::size_t N>
  void named(bool written, const char* key, Value value,
             const NamedValue<Value> (&values)[N]) const {
    if (written) json_[key] = name_among(values, value);
  }

 private:
  Json& json_;
};

class FieldReader {
 public:
  explicit FieldReader(JsonObject& object) : object_(object) {}

  template <class Integer>
  requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>) void operator()(
      const char* key, Integer& value, std::int64_t low, std::int64_t high) const {
    value = static_cast<Integer>(object_.integer(key, value, low, high));
  }
  void operator()(const char* key, double& value, double low, double high) const {
    value = object_.number(key, value, low, high);
  }
  void operator()(const char* key, bool& value) const { value = object_.boolean(key, value); }
  void operator()(const char* key, std::string& value) const { value = object_.text(key, value); }
  void operator()(const char* key, std::vector<double>& value) const {
    value = object_.numbers(key, value);
  }
  template <std::size_t N>
  void operator()(const char* key, std::array<double, N>& value) const {
    const auto found = object_.numbers(key, std::vector<double>(value.begin(), value.end()));
    if (found.size() != N)
      throw InputError(object_.where(key), "", std::to_string(N) + " numbers",
                       std::to_string(found.size()));
    std::copy(found.begin(), found.end(), value.begin());
  }
  template <class Value, class... Range>
  void when(bool, const char* key, Value& value, Range... range) const {
    (*this)(key, value, range...);
  }
  void choice(const char* key, std::string& value, const std::vector<std::string>& names) const {
    value = object_.choice(key, names, value);
  }
  template <class Value, std::size_t N>
  void named(bool, const char* key, Value& value, const NamedValue<Value> (&values)[N]) const {
    std::vector<std::string> names;
    for (const auto& named : values) names.emplace_back(named.name);
    const std::string found = object_.choice(key, names, name_among(values, value));
    for (const auto& named : values)
      if (found == named.name) value = named.value;
  }

 private:
  JsonObject& object_;
};

}  // namespace permafrost
