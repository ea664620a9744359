// SPDX-License-Identifier: Apache-2.0
#pragma once

// The stack machine that a pickle is a program of.
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/encoders/checkpoints/pickle/pickle_builder.h"

namespace permafrost {

class PickleMachine {
 public:
  PickleMachine(std::string_view bytes, const std::string& where);

  // To the end of the pickle. Throws InputError; call once.
  Pickle run();

 private:
  // One instruction of each group; false when `code` is not of it.
  bool step_number(std::uint8_t code);
  bool step_text(std::uint8_t code);
  bool step_line(std::uint8_t code);
  bool step_container(std::uint8_t code);
  bool step_memo(std::uint8_t code);
  bool step_stack(std::uint8_t code);
  bool step_call(std::uint8_t code);
  bool step_frame(std::uint8_t code);
  void step_instance(std::uint8_t code);

  // Operands.
  std::string_view take(std::uint64_t bytes);
  std::uint64_t take_number(int bytes);
  std::string_view take_line();
  std::string_view take_counted(int length_bytes);
  std::uint64_t take_line_number();

  // The stack.
  void push(Value* value) { stack_.push_back(value); }
  Value* pop();
  Value& top(Value::Kind kind, const char* what);
  std::vector<Value*> pop_to_mark();
  void push_items(Value::Kind kind, std::vector<Value*> items);
  void add_items(const std::vector<Value*>& items);
  void set_items(const std::vector<Value*>& items);
  void remember(std::uint64_t index);
  void recall(std::uint64_t index);

  // Texts and numbers in their spellings (pickle_text.cpp).
  void push_utf8(std::string_view text);
  void push_python2(std::string_view text);
  void push_long(std::string_view bytes);
  void push_decimal(std::string_view text, bool real);
  void push_quoted(std::string_view text);
  void push_escaped(std::string_view text);

  std::string_view bytes_;
  std::uint64_t next_ = 0;
  PickleBuilder builder_;
  std::vector<Value*> stack_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::unordered_map<std::uint64_t, Value*> memo_;
};

}  // namespace permafrost
