// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/pickle/pickle_machine.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "common/error.h"
#include "models/encoders/checkpoints/bytes/byte_range.h"

namespace permafrost {
using Kind = Value::Kind;

PickleMachine::PickleMachine(std::string_view bytes, const std::string& where)
    : bytes_(bytes), builder_(bytes, where) {}

Pickle PickleMachine::run() {
  for (std::size_t count = 0;; ++count) {
    builder_.position = next_;
    if (count >= kMostPickleInstructions)
      builder_.refuse("at most " + std::to_string(kMostPickleInstructions) + " instructions",
                      "more");
    const auto code = static_cast<std::uint8_t>(take(1)[0]);
    if (code == '.') break;
    const bool known = step_number(code) || step_text(code) || step_line(code) ||
                       step_container(code) || step_memo(code) || step_stack(code) ||
                       step_call(code) || step_frame(code);
    if (!known)
      builder_.refuse("an instruction of pickle protocols 0 to 5", "byte " + std::to_string(code));
  }
  builder_.pickle.root = pop();
  builder_.pickle.size = next_;
  return std::move(builder_.pickle);
}

std::string_view PickleMachine::take(std::uint64_t bytes) {
  if (bytes > bytes_.size() - next_)
    builder_.refuse("another " + std::to_string(bytes) + " bytes",
                    std::to_string(bytes_.size() - next_), "is the file truncated?");
  const auto taken = bytes_.substr(next_, bytes);
  next_ += bytes;
  return taken;
}

std::uint64_t PickleMachine::take_number(int bytes) {
  const auto taken = take(static_cast<std::uint64_t>(bytes));
  return little_endian(reinterpret_cast<const std::uint8_t*>(taken.data()), bytes);
}

std::string_view PickleMachine::take_line() {
  const auto end = bytes_.find('\n', next_);
  if (end == std::string_view::npos)
    builder_.refuse("a line", "no end of it", "is the file truncated?");
  const auto line = take(end - next_);
  ++next_;
  return line;
}

std::string_view PickleMachine::take_counted(int length_bytes) {
  return take(take_number(length_bytes));
}

Value* PickleMachine::pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
    builder_.refuse("a value on the stack", "none");
  Value* value = stack_.back();
  stack_.pop_back();
  return value;
}

Value& PickleMachine::top(Kind kind, const char* what) {
  Value* value = pop();
  push(value);
  if (value->kind != kind) builder_.refuse(what, description_of(*value));
  return *value;
}

std::vector<Value*> PickleMachine::pop_to_mark() {
  if (marks_.empty()) builder_.refuse("a mark on the stack", "none");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Value*> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleMachine::push_items(Kind kind, std::vector<Value*> items) {
  Value* value = builder_.make(kind);
  value->items = std::move(items);
  push(value);
}

void PickleMachine::add_items(const std::vector<Value*>& items) {
  auto& list = top(Kind::list, "a list to add to").items;
  list.insert(list.end(), items.begin(), items.end());
}

void PickleMachine::set_items(const std::vector<Value*>& items) {
  if (items.size() % 2 != 0) builder_.refuse("keys and values in pairs", "one without the other");
  auto& dict = top(Kind::dict, "a dictionary to add to").items;
  dict.insert(dict.end(), items.begin(), items.end());
}

void PickleMachine::remember(std::uint64_t index) {
  Value* value = pop();
  push(value);
  memo_[index] = value;
  if (memo_.size() > kMostPickleValues)
    builder_.refuse("at most " + std::to_string(kMostPickleValues) + " remembered values", "more");
}

void PickleMachine::recall(std::uint64_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end())
    builder_.refuse("a value remembered as " + std::to_string(index), "none");
  push(found->second);
}

}  // namespace permafrost
