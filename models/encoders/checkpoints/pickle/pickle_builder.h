// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the pickle machine builds with: values within limits, and the calls of the allow list.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/encoders/checkpoints/pickle/pickle.h"

namespace permafrost {

// Every function throws InputError, through `refuse`, for what does not fit.
class PickleBuilder {
 public:
  PickleBuilder(std::string_view bytes, std::string where);

  // A new value, at most kMostPickleValues of them.
  Value* make(Value::Kind kind);
  Value* make_text(Value::Kind kind, std::string_view text);
  Value* make_integer(std::int64_t value);
  Value* make_real(double value);
  Value* none() { return none_; }
  Value* boolean(bool value) { return value ? true_ : false_; }

  // A name of the allow list as a value (Kind::global); refuses any other.
  Value* global(std::string_view module, std::string_view name);
  // What calling it gives.
  Value* call(Value& callable, Value& arguments);
  // torch's persistent id, a tuple: "storage", type, key, location, count[, part of it].
  Value* persistent(const Value& id);
  // Attributes set on a value.
  void set_state(Value& target, Value& state);

  // Values or bytes that an instruction copies from others: their sum is bounded by the pickle's
  // size, so that a short pickle cannot repeat itself into a long one.
  void charge(std::size_t amount);
  [[noreturn]] void refuse(const std::string& expected, const std::string& found,
                           const std::string& hint = "") const;

  Pickle pickle;
  std::uint64_t position = 0;  // the byte of the instruction, for errors

 private:
  struct Part {  // what a value of Kind::storage names by its index
    std::size_t storage;
    std::uint64_t offset, count;
  };
  std::size_t storage_of(const Value& id);
  Value* rebuild_tensor(const Value& arguments, bool with_type);
  void require_inside(const TensorRef& tensor, const Part& part);
  Value* dictionary(const Value& arguments);
  Value* collection(Value::Kind kind, const Value& arguments);
  Value* numpy_scalar(Value& arguments);
  Value* encoded(const Value& arguments);
  Value* opaque(const std::string& type, Value& made_from);
  std::vector<std::int64_t> sizes_in(const Value& value, const char* what);

  std::string where_;
  std::size_t budget_;
  std::vector<Part> parts_;
  std::map<std::string, std::size_t, std::less<>> storage_by_key_;
  Value* none_;
  Value* true_;
  Value* false_;
};

}  // namespace permafrost
