// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/pickle/pickle.h"

#include "common/error.h"
#include "models/encoders/checkpoints/pickle/pickle_machine.h"

namespace permafrost {
namespace {

using Kind = Value::Kind;

std::string counted(const char* what, std::size_t count) {
  return std::string(what) + " with " + std::to_string(count) + (count == 1 ? " value" : " values");
}

std::string real_text(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", number);
  return text;
}

// "argparse.Namespace (12 values)"
std::string opaque_text(const Value& value) {
  const Value* state = value.items.empty() ? nullptr : value.items.back();
  if (value.text != "argparse.Namespace" || state->kind != Kind::dict) return value.text;
  return value.text + " (" + std::to_string(state->items.size() / 2) + " values)";
}

}  // namespace

Pickle read_pickle(std::string_view bytes, const std::string& where) {
  return PickleMachine(bytes, where).run();
}

std::string description_of(const Value& value) {
  switch (value.kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return value.integer != 0 ? "True" : "False";
    case Kind::integer:
      return std::to_string(value.integer);
    case Kind::big_integer:
      return "a number of " + std::to_string(value.text.size()) + " bytes";
    case Kind::real:
      return real_text(value.real);
    case Kind::text:
      return quoted(value.text);
    case Kind::bytes:
      return std::to_string(value.text.size()) + " bytes";
    case Kind::list:
      return counted("a list", value.items.size());
    case Kind::tuple:
      return counted("a tuple", value.items.size());
    case Kind::set:
      return counted("a set", value.items.size());
    case Kind::dict:
      return counted("a dictionary", value.items.size() / 2);
    case Kind::tensor:
      return "a tensor";
    case Kind::storage:
      return "a storage";
    case Kind::global:
      return value.text;
    case Kind::opaque:
      return opaque_text(value);
  }
  return "a value";
}

const Value* item_of(const Value& sequence, std::size_t index, Kind kind) {
  if (sequence.kind != Kind::tuple && sequence.kind != Kind::list) return nullptr;
  if (index >= sequence.items.size()) return nullptr;
  const Value* value = sequence.items[index];
  return value->kind == kind ? value : nullptr;
}

const Value* find_value(const Value& dict, std::string_view key) {
  if (dict.kind != Kind::dict) return nullptr;
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2)
    if (dict.items[i]->kind == Kind::text && dict.items[i]->text == key) return dict.items[i + 1];
  return nullptr;
}

}  // namespace permafrost
