// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/pickle/pickle_builder.h"

#include <bit>
#include <utility>

#include "common/error.h"
#include "models/encoders/checkpoints/bytes/byte_range.h"
#include "models/encoders/checkpoints/pickle/pickle_names.h"

namespace permafrost {
namespace {

using Kind = Value::Kind;
using Use = PickleName::Use;

constexpr char kAdvice[] =
    "nothing was run; save tensors and plain values alone: torch.save(model.state_dict(), ...)";

// The bits of little-endian bytes as the number that numpy's code ("f8", "i2") says.
bool read_number(const std::string& code, const std::string& bytes, Value& out) {
  const auto size = bytes.size();
  if (code.size() != 2 || size > 8 || code[1] != static_cast<char>('0' + size)) return false;
  const std::uint64_t bits =
      little_endian(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(size));
  out.kind = Kind::integer;
  if (code[0] == 'f' && (size == 8 || size == 4)) {
    out.kind = Kind::real;
    out.real = size == 8 ? std::bit_cast<double>(bits)
                         : std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  } else if (code[0] == 'i' && size > 0) {
    const int unused = 64 - 8 * static_cast<int>(size);
    out.integer = static_cast<std::int64_t>(bits << unused) >> unused;
  } else if (code[0] == 'u' && size > 0 && bits <= INT64_MAX) {
    out.integer = static_cast<std::int64_t>(bits);
  } else if (code[0] == 'b' && size == 1) {
    out.kind = Kind::boolean;
    out.integer = bits != 0 ? 1 : 0;
  } else {
    return false;
  }
  return true;
}

}  // namespace

PickleBuilder::PickleBuilder(std::string_view bytes, std::string where)
    : where_(std::move(where)), budget_(4 * bytes.size() + 4096) {
  none_ = make(Kind::none);
  true_ = make(Kind::boolean);
  true_->integer = 1;
  false_ = make(Kind::boolean);
}

void PickleBuilder::refuse(const std::string& expected, const std::string& found,
                           const std::string& hint) const {
  throw InputError(where_, "byte " + std::to_string(position), expected, found, hint);
}

void PickleBuilder::charge(std::size_t amount) {
  if (amount > budget_) refuse("values of its own", "a pickle that repeats its values");
  budget_ -= amount;
}

Value* PickleBuilder::make(Kind kind) {
  if (pickle.values.size() >= kMostPickleValues)
    refuse("at most " + std::to_string(kMostPickleValues) + " values", "more");
  Value& value = pickle.values.emplace_back();
  value.kind = kind;
  return &value;
}

Value* PickleBuilder::make_text(Kind kind, std::string_view text) {
  Value* value = make(kind);
  value->text = text;
  return value;
}

Value* PickleBuilder::make_integer(std::int64_t number) {
  Value* value = make(Kind::integer);
  value->integer = number;
  return value;
}

Value* PickleBuilder::make_real(double number) {
  Value* value = make(Kind::real);
  value->real = number;
  return value;
}

Value* PickleBuilder::global(std::string_view module, std::string_view name) {
  const std::string full = std::string(module) + "." + std::string(name);
  if (!allowed_name(full))
    refuse("tensors, containers and numbers", "a call of " + unquoted(full), kAdvice);
  return make_text(Kind::global, full);
}

Value* PickleBuilder::call(Value& callable, Value& arguments) {
  if (callable.kind != Kind::global) refuse("a call of a name", description_of(callable));
  if (arguments.kind != Kind::tuple)
    refuse("a tuple of arguments for " + callable.text, description_of(arguments));
  const PickleName name = allowed_name(callable.text).value();
  switch (name.use) {
    case Use::dictionary:
      return dictionary(arguments);
    case Use::set:
      return collection(Kind::set, arguments);
    case Use::size:
      return collection(Kind::tuple, arguments);
    case Use::bytes:
      if (!arguments.items.empty()) break;
      return make(Kind::bytes);
    case Use::encode:
      return encoded(arguments);
    case Use::tensor:
      return rebuild_tensor(arguments, false);
    case Use::tensor_v3:
      return rebuild_tensor(arguments, true);
    case Use::parameter:
      if (item_of(arguments, 0, Kind::tensor) == nullptr) break;
      return arguments.items[0];
    case Use::numpy_scalar:
      return numpy_scalar(arguments);
    case Use::numpy_array:
      return opaque("numpy.ndarray", arguments);
    case Use::opaque:
      return opaque(callable.text, arguments);
    case Use::data:
    case Use::dtype:
    case Use::storage:
    case Use::untyped:
      refuse("tensors, containers and numbers", "a call of " + callable.text);
  }
  refuse("arguments that fit " + callable.text,
         std::to_string(arguments.items.size()) + " that do not");
}

Value* PickleBuilder::dictionary(const Value& arguments) {
  Value* dict = make(Kind::dict);
  if (arguments.items.empty()) return dict;
  const Value& pairs = *arguments.items[0];
  if (arguments.items.size() != 1 || pairs.kind != Kind::list)
    refuse("a list of pairs for OrderedDict", description_of(pairs));
  charge(pairs.items.size());
  for (const Value* pair : pairs.items) {
    if ((pair->kind != Kind::tuple && pair->kind != Kind::list) || pair->items.size() != 2)
      refuse("a key and a value", description_of(*pair));
    dict->items.insert(dict->items.end(), pair->items.begin(), pair->items.end());
  }
  return dict;
}

Value* PickleBuilder::collection(Kind kind, const Value& arguments) {
  Value* out = make(kind);
  if (arguments.items.empty()) return out;
  const Value& source = *arguments.items[0];
  if (arguments.items.size() != 1 || (source.kind != Kind::list && source.kind != Kind::tuple))
    refuse("a list to make a collection of", description_of(source));
  charge(source.items.size());
  out->items = source.items;
  return out;
}

Value* PickleBuilder::opaque(const std::string& type, Value& made_from) {
  Value* value = make_text(Kind::opaque, type);
  value->items = {&made_from};
  return value;
}

Value* PickleBuilder::encoded(const Value& arguments) {
  const Value* text = item_of(arguments, 0, Kind::text);
  const Value* encoding = item_of(arguments, 1, Kind::text);
  if (text == nullptr || encoding == nullptr || arguments.items.size() != 2 ||
      (encoding->text != "latin1" && encoding->text != "latin-1"))
    refuse("text in latin1", "other arguments of _codecs.encode");
  charge(text->text.size());
  Value* out = make(Kind::bytes);
  for (std::size_t i = 0; i < text->text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text->text[i]);
    if (byte < 0x80) {
      out->text += static_cast<char>(byte);
    } else if ((byte == 0xc2 || byte == 0xc3) && i + 1 < text->text.size()) {
      out->text += static_cast<char>((byte & 3) << 6 | (text->text[++i] & 0x3f));
    } else {
      refuse("text in latin1", "another letter");
    }
  }
  return out;
}

Value* PickleBuilder::numpy_scalar(Value& arguments) {
  const Value* dtype = item_of(arguments, 0, Kind::opaque);
  if (dtype == nullptr || dtype->text != "numpy.dtype" || arguments.items.size() != 2)
    refuse("a numpy.dtype and bytes for a numpy scalar", "other arguments");
  const Value* code = item_of(*dtype->items[0], 0, Kind::text);
  const Value& bytes = *arguments.items[1];
  const bool plain = bytes.kind == Kind::bytes || bytes.kind == Kind::text;
  const Value* order = dtype->items.size() > 1 ? item_of(*dtype->items[1], 1, Kind::text) : nullptr;
  const bool swapped = order != nullptr && order->text == ">";
  Value number;
  if (code == nullptr || !plain || swapped || !read_number(code->text, bytes.text, number))
    return opaque("a numpy scalar", arguments);
  Value* value = make(number.kind);
  *value = number;
  return value;
}

void PickleBuilder::set_state(Value& target, Value& state) {
  switch (target.kind) {
    case Kind::dict:    // OrderedDict's `_metadata`: versions of modules
    case Kind::tensor:  // attributes of a Parameter
      return;
    case Kind::opaque:
      target.items.resize(1);
      target.items.push_back(&state);
      return;
    default:
      refuse("attributes of a container or a namespace", description_of(target));
  }
}

}  // namespace permafrost
