// SPDX-License-Identifier: Apache-2.0
// The tensors of a pickle: storages by their persistent ids, and views of them.
#include <algorithm>
#include <utility>

#include "common/error.h"
#include "models/encoders/checkpoints/pickle/pickle_builder.h"
#include "models/encoders/checkpoints/pickle/pickle_names.h"

namespace permafrost {
namespace {

using Kind = Value::Kind;
using Use = PickleName::Use;

constexpr std::int64_t kLargestSize = std::int64_t{1} << 50;
constexpr std::size_t kMostPickledDimensions = 64;
constexpr std::size_t kLongestKey = 200;
// A view may repeat values (strides of 0), but a short file cannot ask for a long tensor.
constexpr std::uint64_t kLargestRepetition = 65536;

std::string shown(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (const auto number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
  return "[" + text + "]";
}

// Whether every value lies among the `capacity` of the storage. Sizes and strides are at most 2^50.
bool is_inside(const TensorRef& tensor, std::uint64_t capacity) {
  if (tensor.offset < 0 || static_cast<std::uint64_t>(tensor.offset) > capacity) return false;
  if (std::count(tensor.sizes.begin(), tensor.sizes.end(), 0) > 0) return true;
  std::uint64_t room = capacity - static_cast<std::uint64_t>(tensor.offset);
  if (room == 0) return false;
  --room;  // of the first value
  for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
    const auto steps = static_cast<std::uint64_t>(tensor.sizes[i] - 1);
    const auto stride = static_cast<std::uint64_t>(tensor.strides[i]);
    if (steps != 0 && stride > room / steps) return false;
    room -= steps * stride;
  }
  return true;
}

// Nothing past 2^50, taken as though no size were 0.
std::optional<std::uint64_t> count_of(const std::vector<std::int64_t>& sizes) {
  std::uint64_t count = 1, as_though = 1;
  for (const auto size : sizes) {
    const auto step = static_cast<std::uint64_t>(std::max<std::int64_t>(size, 1));
    if (as_though > static_cast<std::uint64_t>(kLargestSize) / step) return std::nullopt;
    as_though *= step;
    count *= static_cast<std::uint64_t>(size);
  }
  return count;
}

}  // namespace

std::vector<std::int64_t> PickleBuilder::sizes_in(const Value& value, const char* what) {
  if (value.kind != Kind::tuple && value.kind != Kind::list)
    refuse(std::string("a tuple of ") + what, description_of(value));
  if (value.items.size() > kMostPickledDimensions)
    refuse("at most " + std::to_string(kMostPickledDimensions) + " " + what,
           std::to_string(value.items.size()));
  charge(value.items.size());
  std::vector<std::int64_t> out;
  for (const Value* size : value.items) {
    if (size->kind != Kind::integer || size->integer < 0 || size->integer > kLargestSize)
      refuse(std::string(what) + " from 0 to 2^50", description_of(*size));
    out.push_back(size->integer);
  }
  return out;
}

std::size_t PickleBuilder::storage_of(const Value& id) {
  const Value* type = item_of(id, 1, Kind::global);
  const auto name = type == nullptr ? std::nullopt : allowed_name(type->text);
  if (!name || (name->use != Use::storage && name->use != Use::untyped))
    refuse("a storage type such as torch.FloatStorage", description_of(*id.items[1]));
  const Value* key = item_of(id, 2, Kind::text);
  const Value* count = item_of(id, 4, Kind::integer);
  if (key == nullptr || key->text.size() > kLongestKey || count == nullptr || count->integer < 0 ||
      count->integer > kLargestSize)
    refuse("a storage with a key and a count from 0 to 2^50", "one without");
  StorageRef storage{key->text, name->type, static_cast<std::uint64_t>(count->integer),
                     name->use == Use::untyped};
  const auto [known, is_new] = storage_by_key_.emplace(key->text, pickle.storages.size());
  if (is_new) {
    pickle.storages.push_back(std::move(storage));
    return known->second;
  }
  const StorageRef& before = pickle.storages[known->second];
  if (before.type != storage.type || before.count != storage.count ||
      before.untyped != storage.untyped)
    refuse("one type and size of storage " + unquoted(storage.key), "two");
  return known->second;
}

Value* PickleBuilder::persistent(const Value& id) {
  const bool is_tuple = id.kind == Kind::tuple && !id.items.empty();
  const Value* kind = is_tuple ? item_of(id, 0, Kind::text) : nullptr;
  if (kind == nullptr || kind->text != "storage" || id.items.size() < 5 || id.items.size() > 6)
    refuse("the storage of a tensor", description_of(is_tuple ? *id.items[0] : id));
  Part part{storage_of(id), 0, 0};
  part.count = pickle.storages[part.storage].count;
  if (id.items.size() == 6 && id.items[5]->kind != Kind::none) {  // key, offset, count
    const Value* offset = item_of(*id.items[5], 1, Kind::integer);
    const Value* count = item_of(*id.items[5], 2, Kind::integer);
    if (offset == nullptr || count == nullptr || offset->integer < 0 || count->integer < 0 ||
        static_cast<std::uint64_t>(offset->integer) > part.count ||
        static_cast<std::uint64_t>(count->integer) >
            part.count - static_cast<std::uint64_t>(offset->integer))
      refuse("a part inside of its storage", "one outside");
    part.offset = static_cast<std::uint64_t>(offset->integer);
    part.count = static_cast<std::uint64_t>(count->integer);
  }
  parts_.push_back(part);
  Value* value = make(Kind::storage);
  value->integer = static_cast<std::int64_t>(parts_.size() - 1);
  return value;
}

Value* PickleBuilder::rebuild_tensor(const Value& arguments, bool with_type) {
  const auto& items = arguments.items;
  const std::size_t metadata = with_type ? 7 : 6;
  const Value* storage = item_of(arguments, 0, Kind::storage);
  const Value* offset = item_of(arguments, 1, Kind::integer);
  if (storage == nullptr || offset == nullptr || items.size() < (with_type ? 7U : 4U) ||
      items.size() > metadata + 1)
    refuse("a storage, an offset, sizes and strides of a tensor", "other arguments");
  const Part part = parts_[static_cast<std::size_t>(storage->integer)];
  const StorageRef& whole = pickle.storages[part.storage];
  TensorRef tensor{part.storage, whole.type, offset->integer, sizes_in(*items[2], "sizes"),
                   sizes_in(*items[3], "strides")};
  if (with_type) {
    const Value* type = item_of(arguments, 6, Kind::global);
    const auto name = type == nullptr ? std::nullopt : allowed_name(type->text);
    if (!name || name->use != Use::dtype || !whole.untyped)
      refuse("a dtype over a storage of bytes", description_of(*items[6]));
    tensor.type = name->type;
  }
  if (items.size() > metadata && !items[metadata]->items.empty())
    refuse("a plain tensor", "one that is kept negated or conjugated",
           "save tensor.resolve_neg().resolve_conj()");
  require_inside(tensor, part);
  tensor.offset +=
      static_cast<std::int64_t>(part.offset / (whole.untyped ? c10::elementSize(tensor.type) : 1));
  pickle.tensors.push_back(std::move(tensor));
  Value* value = make(Kind::tensor);
  value->integer = static_cast<std::int64_t>(pickle.tensors.size() - 1);
  return value;
}

void PickleBuilder::require_inside(const TensorRef& tensor, const Part& part) {
  const bool untyped = pickle.storages[part.storage].untyped;
  const std::uint64_t bytes = untyped ? c10::elementSize(tensor.type) : 1;
  const std::uint64_t capacity = part.count / bytes;
  if (part.offset % bytes != 0) refuse("an aligned part of a storage", "one that is not");
  if (tensor.sizes.size() != tensor.strides.size())
    refuse("as many strides as sizes",
           "sizes " + shown(tensor.sizes) + " and strides " + shown(tensor.strides));
  const auto count = count_of(tensor.sizes);
  if (!count || *count > std::max(capacity, kLargestRepetition))
    refuse("at most the " + std::to_string(capacity) + " values of the storage",
           "a tensor of sizes " + shown(tensor.sizes));
  if (!is_inside(tensor, capacity))
    refuse("a tensor inside of its storage of " + std::to_string(capacity) + " values",
           "sizes " + shown(tensor.sizes) + ", strides " + shown(tensor.strides) + " from value " +
               std::to_string(tensor.offset));
}

}  // namespace permafrost
