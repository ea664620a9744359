// SPDX-License-Identifier: Apache-2.0
// The instructions of pickles, in groups.
#include <bit>
#include <utility>

#include "models/encoders/checkpoints/pickle/pickle_machine.h"

namespace permafrost {
using Kind = Value::Kind;

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
