// SPDX-License-Identifier: Apache-2.0
// Five pickles (a magic number, a version, facts of the machine, the object, the storages' keys),
// then for each key an int64 count and the values, in the order of the keys.
#include <unordered_map>

#include "common/error.h"
#include "models/encoders/checkpoints/torch_file.h"

namespace permafrost {
namespace {

constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr std::int64_t kVersion = 1001;

// Pickles one behind the other.
struct Reader {
  const ByteRange& file;
  const std::string& where;
  std::uint64_t offset = 0;

  Pickle next(const char* what) {
    Pickle pickle = read_pickle(file.text().substr(offset), where + ": " + what);
    offset += pickle.size;
    return pickle;
  }
};

void read_head(Reader& reader) {
  const Pickle magic = reader.next("magic number");
  if (magic.root->kind != Value::Kind::big_integer || magic.root->text != kMagic)
    throw InputError(reader.where, "", "a file of torch.save",
                     "a pickle of something else: " + description_of(*magic.root));
  const Pickle version = reader.next("version");
  if (version.root->kind != Value::Kind::integer || version.root->integer != kVersion)
    throw InputError(reader.where, "version", std::to_string(kVersion),
                     description_of(*version.root));
  const Pickle facts = reader.next("facts of the machine");
  const Value* little = find_value(*facts.root, "little_endian");
  if (little == nullptr || little->kind != Value::Kind::boolean || little->integer == 0)
    throw InputError(reader.where, "little_endian", "True",
                     little == nullptr ? "nothing" : description_of(*little),
                     "save it again on a little-endian machine");
}

// The values of the storage named `key`; the reader moves behind them.
ByteRange read_values(Reader& reader, const StorageRef& storage) {
  const std::string field = "storage " + unquoted(storage.key);
  const ByteRange& file = reader.file;
  if (!file.holds(reader.offset, 8))
    throw InputError(reader.where, field, "a count and values", "the end of the file",
                     "is the file truncated?");
  const std::uint64_t count = little_endian(file.data + reader.offset, 8);
  reader.offset += 8;
  if (count != storage.count)
    throw InputError(reader.where, field, std::to_string(storage.count) + " values",
                     std::to_string(count));
  const std::uint64_t left = file.size - reader.offset;
  const std::uint64_t bytes = count * c10::elementSize(storage.type);  // count is at most 2^50
  if (bytes > left)
    throw InputError(reader.where, field, std::to_string(bytes) + " bytes", std::to_string(left),
                     "is the file truncated?");
  reader.offset += bytes;
  return file.part(reader.offset - bytes, bytes);
}

}  // namespace

TorchFile read_torch_legacy(const ByteRange& file, const std::string& where) {
  Reader reader{file, where};
  read_head(reader);
  TorchFile out;
  out.pickle = reader.next("object");
  const Pickle keys = reader.next("keys of storages");
  if (keys.root->kind != Value::Kind::list)
    throw InputError(where, "keys of storages", "a list", description_of(*keys.root));
  std::unordered_map<std::string, std::size_t> wanted;
  for (std::size_t i = 0; i < out.pickle.storages.size(); ++i)
    wanted[out.pickle.storages[i].key] = i;
  out.storages.resize(out.pickle.storages.size());
  for (const Value* key : keys.root->items) {
    const auto found = key->kind == Value::Kind::text ? wanted.find(key->text) : wanted.end();
    if (found == wanted.end())
      throw InputError(where, "keys of storages", "each storage of the object once",
                       description_of(*key));
    const StorageRef& storage = out.pickle.storages[found->second];
    out.storages[found->second] = make_storage(storage, read_values(reader, storage), where);
    wanted.erase(found);
  }
  if (!wanted.empty())
    throw InputError(where, "storage " + unquoted(wanted.begin()->first), "its values", "none");
  return out;
}

}  // namespace permafrost
