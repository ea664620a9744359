// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoints/pickle_machine.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "common/error.h"
#include "models/checkpoints/byte_range.h"

namespace permafrost {
namespace {

using Kind = Value::Kind;

}  // namespace

PickleMachine::PickleMachine(std::string_view bytes, const std::string& where)
    : bytes_(bytes), builder_(bytes, where) {}

Pickle PickleMachine::run() {
  for (;;) {
    builder_.position = next_;
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

bool PickleMachine::step_number(std::uint8_t code) {
  switch (code) {
    case 'N':
      push(builder_.none());
      return true;
    case 0x88:
      push(builder_.boolean(true));
      return true;
    case 0x89:
      push(builder_.boolean(false));
      return true;
    case 'J':
      push(builder_.make_integer(static_cast<std::int32_t>(take_number(4))));
      return true;
    case 'K':
      push(builder_.make_integer(static_cast<std::int64_t>(take_number(1))));
      return true;
    case 'M':
      push(builder_.make_integer(static_cast<std::int64_t>(take_number(2))));
      return true;
    case 0x8a:
      push_long(take_counted(1));
      return true;
    case 0x8b:
      push_long(take_counted(4));
      return true;
    case 'G': {
      std::uint64_t bits = 0;
      for (const char byte : take(8)) bits = bits << 8 | static_cast<std::uint8_t>(byte);
      push(builder_.make_real(std::bit_cast<double>(bits)));
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::step_text(std::uint8_t code) {
  switch (code) {
    case 0x8c:
      push_utf8(take_counted(1));
      return true;
    case 'X':
      push_utf8(take_counted(4));
      return true;
    case 0x8d:
      push_utf8(take_counted(8));
      return true;
    case 'U':
      push_python2(take_counted(1));
      return true;
    case 'T':
      push_python2(take_counted(4));
      return true;
    case 'C':
      push(builder_.make_text(Kind::bytes, take_counted(1)));
      return true;
    case 'B':
      push(builder_.make_text(Kind::bytes, take_counted(4)));
      return true;
    case 0x8e:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      push(builder_.make_text(Kind::bytes, take_counted(8)));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_line(std::uint8_t code) {
  switch (code) {
    case 'I':
    case 'L':
    case 'F':
      push_decimal(take_line(), code == 'F');
      return true;
    case 'V':
      push_escaped(take_line());
      return true;
    case 'S':
      push_quoted(take_line());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_container(std::uint8_t code) {
  switch (code) {
    case ')':
      push(builder_.make(Kind::tuple));
      return true;
    case ']':
      push(builder_.make(Kind::list));
      return true;
    case '}':
      push(builder_.make(Kind::dict));
      return true;
    case 0x8f:
      push(builder_.make(Kind::set));
      return true;
    case 't':
      push_items(Kind::tuple, pop_to_mark());
      return true;
    case 'l':
      push_items(Kind::list, pop_to_mark());
      return true;
    case 0x91:
      push_items(Kind::set, pop_to_mark());
      return true;
    case 'd': {
      auto items = pop_to_mark();
      push(builder_.make(Kind::dict));
      set_items(items);
      return true;
    }
    case 0x85:
    case 0x86:
    case 0x87: {
      std::vector<Value*> items(code - 0x84U);
      for (auto item = items.rbegin(); item != items.rend(); ++item) *item = pop();
      push_items(Kind::tuple, std::move(items));
      return true;
    }
    case 'a':
      add_items({pop()});
      return true;
    case 'e':
      add_items(pop_to_mark());
      return true;
    case 0x90: {
      const auto items = pop_to_mark();
      auto& set = top(Kind::set, "a set to add to").items;
      set.insert(set.end(), items.begin(), items.end());
      return true;
    }
    case 's': {
      Value* value = pop();
      Value* key = pop();
      set_items({key, value});
      return true;
    }
    case 'u':
      set_items(pop_to_mark());
      return true;
    default:
      return false;
  }
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

bool PickleMachine::step_memo(std::uint8_t code) {
  switch (code) {
    case 'q':
      remember(take_number(1));
      return true;
    case 'r':
      remember(take_number(4));
      return true;
    case 0x94:
      remember(memo_.size());
      return true;
    case 'h':
      recall(take_number(1));
      return true;
    case 'j':
      recall(take_number(4));
      return true;
    case 'p':
      remember(take_line_number());
      return true;
    case 'g':
      recall(take_line_number());
      return true;
    default:
      return false;
  }
}

void PickleMachine::remember(std::uint64_t index) {
  Value* value = pop();
  push(value);
  memo_[index] = value;
}

void PickleMachine::recall(std::uint64_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end())
    builder_.refuse("a value remembered as " + std::to_string(index), "none");
  push(found->second);
}

bool PickleMachine::step_stack(std::uint8_t code) {
  switch (code) {
    case '(':
      marks_.push_back(stack_.size());
      return true;
    case '1':
      pop_to_mark();
      return true;
    case '0':
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return true;
    case '2': {
      Value* value = pop();
      push(value);
      push(value);
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::step_call(std::uint8_t code) {
  switch (code) {
    case 'c': {
      const auto module = take_line();
      push(builder_.global(module, take_line()));
      return true;
    }
    case 0x93: {
      const Value* name = pop();
      const Value* module = pop();
      if (name->kind != Kind::text || module->kind != Kind::text)
        builder_.refuse("a module and a name", description_of(*module));
      push(builder_.global(module->text, name->text));
      return true;
    }
    case 'R':     // REDUCE
    case 0x81: {  // NEWOBJ
      Value* arguments = pop();
      Value* callable = pop();
      push(builder_.call(*callable, *arguments));
      return true;
    }
    case 0x92: {  // NEWOBJ_EX
      const Value* named = pop();
      Value* arguments = pop();
      Value* callable = pop();
      if (named->kind != Kind::dict || !named->items.empty())
        builder_.refuse("no named arguments", description_of(*named));
      push(builder_.call(*callable, *arguments));
      return true;
    }
    case 'i':  // INST
    case 'o':  // OBJ
      step_instance(code);
      return true;
    case 'b': {
      Value* state = pop();
      Value* target = pop();
      builder_.set_state(*target, *state);
      push(target);
      return true;
    }
    case 'Q':
      push(builder_.persistent(*pop()));
      return true;
    case 'P':
      builder_.refuse("the storage of a tensor", "a persistent id of text");
    case 0x82:
    case 0x83:
    case 0x84:
      builder_.refuse("tensors, containers and numbers", "a call by an extension code");
    default:
      return false;
  }
}

// A call whose arguments lie on the stack, above a mark.
void PickleMachine::step_instance(std::uint8_t code) {
  Value* callable = nullptr;
  if (code == 'i') {
    const auto module = take_line();
    callable = builder_.global(module, take_line());
  }
  Value* arguments = builder_.make(Kind::tuple);
  arguments->items = pop_to_mark();
  if (callable == nullptr) {
    if (arguments->items.empty()) builder_.refuse("a name to call", "none");
    callable = arguments->items.front();
    arguments->items.erase(arguments->items.begin());
  }
  push(builder_.call(*callable, *arguments));
}

bool PickleMachine::step_frame(std::uint8_t code) {
  if (code == 0x80) {
    const auto protocol = take_number(1);
    if (protocol > 5) builder_.refuse("a pickle protocol up to 5", std::to_string(protocol));
    return true;
  }
  if (code == 0x95) {  // FRAME: a hint for readers of streams
    const auto length = take_number(8);
    if (length > bytes_.size() - next_)
      builder_.refuse("a frame of at most " + std::to_string(bytes_.size() - next_) + " bytes",
                      std::to_string(length), "is the file truncated?");
    return true;
  }
  return false;
}

}  // namespace permafrost
