// SPDX-License-Identifier: Apache-2.0
#pragma once

// Python pickles as torch.save writes them (protocols 2 to 5), read as data.
//
// An allow list of callables stands for what torch.save needs: containers, tensors, numbers. A call
// of anything else is refused by name where it is named; nothing is ever executed. Memory is
// bounded by the bytes of the pickle and by kMostPickleValues; values refer to each other by
// pointer and lie side by side, so that no nesting is too deep to be destroyed, and cycles are
// harmless.
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace permafrost {

constexpr std::size_t kMostPickleValues = 5'000'000;         // of 100 bytes
constexpr std::size_t kMostPickleInstructions = 20'000'000;  // 8 bytes on the stack

struct Value {
  enum class Kind : std::uint8_t {
    none,
    boolean,      // integer: 0 or 1
    integer,      // integer
    big_integer,  // text: its bytes, little-endian, two's complement
    real,         // real
    text,         // text: UTF-8
    bytes,        // text
    list,         // items; tuple and set too
    tuple,
    set,
    dict,     // items: key, value, key, value ...
    tensor,   // integer: which of Pickle::tensors
    storage,  // a name of values outside of the pickle, as tensors are made from
    global,   // text: "torch.float32", a name of the allow list that is not called
    opaque  // text: the type's name; items: what it was made from. An argparse.Namespace: its dict
  };

  Kind kind = Kind::none;
  union {
    std::int64_t integer = 0;
    double real;
  };
  std::string text;
  std::vector<Value*> items;
};

// Values that the container holds outside of the pickle.
struct StorageRef {
  std::string key;
  at::ScalarType type;
  std::uint64_t count;   // values
  bool untyped = false;  // bytes that tensors of any type lie in; `type` is kByte then
};

// Checked against the storage's count: every value lies inside of it.
struct TensorRef {
  std::size_t storage;  // which of Pickle::storages
  at::ScalarType type;
  std::int64_t offset;  // in values of `type`
  std::vector<std::int64_t> sizes, strides;
};

struct Pickle {
  std::deque<Value> values;
  const Value* root = nullptr;
  std::vector<StorageRef> storages;  // each once
  std::vector<TensorRef> tensors;
  std::uint64_t size = 0;  // bytes read: another pickle may follow
};

// Reads one pickle from the start of `bytes`; `where` names it in errors ("a.pth: data.pkl").
// Throws InputError naming the byte, and the callable that is refused.
Pickle read_pickle(std::string_view bytes, const std::string& where);

// One line for messages: "300", "\"text\"", "a dictionary with 3 values", "argparse.Namespace (12
// values)".
std::string description_of(const Value& value);

// The item at `index` of a list or tuple when there is one and it is of this kind, else a null
// pointer.
const Value* item_of(const Value& sequence, std::size_t index, Value::Kind kind);

// The value of a text key in a dictionary; a null pointer when there is none (or no dictionary).
const Value* find_value(const Value& dict, std::string_view key);

}  // namespace permafrost
