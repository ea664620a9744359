// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoints/safetensors.h"

#include <torch/types.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>

#include "common/error.h"
#include "common/files.h"
#include "common/json_object.h"

namespace permafrost {
namespace {

struct DtypeName {
  const char* name;
  at::ScalarType type;
};

constexpr DtypeName kDtypes[] = {{"F64", at::kDouble},    {"F32", at::kFloat}, {"F16", at::kHalf},
                                 {"BF16", at::kBFloat16}, {"I64", at::kLong},  {"I32", at::kInt},
                                 {"I16", at::kShort},     {"I8", at::kChar},   {"U8", at::kByte},
                                 {"BOOL", at::kBool}};

at::ScalarType dtype_named(const std::string& name, const std::string& where,
                           const std::string& tensor) {
  for (const auto& dtype : kDtypes)
    if (name == dtype.name) return dtype.type;
  throw InputError(where, tensor + ".dtype", "a safetensors dtype such as F32 or BF16",
                   quoted(name));
}

std::string name_of(at::ScalarType type) {
  for (const auto& dtype : kDtypes)
    if (type == dtype.type) return dtype.name;
  throw Error(c10::str("safetensors has no name for dtype ", type));
}

std::uint64_t little_endian(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;
};

Entry read_entry(const std::string& name, const Json& json, std::uint64_t bytes,
                 const std::string& where) {
  JsonObject object(json, where + ": " + name);
  Entry entry;
  entry.name = name;
  entry.type = dtype_named(object.text("dtype"), where, name);
  entry.shape = object.integers("shape");
  const auto offsets = object.integers("data_offsets");
  object.finish();
  std::uint64_t values = 1, strides = 1;  // strides: as though no size were 0
  for (const auto size : entry.shape) {
    const auto step = static_cast<std::uint64_t>(std::max<std::int64_t>(1, size));
    if (size < 0 || strides > (std::uint64_t{1} << 50) / step)
      throw InputError(where, name + ".shape", "sizes that fit in memory", json["shape"].dump());
    strides *= step;
    values *= static_cast<std::uint64_t>(size);
  }
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[1] < offsets[0] ||
      static_cast<std::uint64_t>(offsets[1]) > bytes)
    throw InputError(where, name + ".data_offsets",
                     "a range inside the file's " + std::to_string(bytes) + " bytes of data",
                     json["data_offsets"].dump(), "is the file truncated?");
  entry.begin = static_cast<std::uint64_t>(offsets[0]);
  entry.end = static_cast<std::uint64_t>(offsets[1]);
  if (entry.end - entry.begin != values * c10::elementSize(entry.type))
    throw InputError(where, name, std::to_string(values * c10::elementSize(entry.type)) + " bytes",
                     std::to_string(entry.end - entry.begin));
  return entry;
}

}  // namespace

const at::Tensor& SafetensorsFile::tensor(const std::string& name, const std::string& file) const {
  for (const auto& [key, value] : tensors)
    if (key == name) return value;
  throw InputError(file, name, "a tensor of this name", "none");
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  const std::string where = path.string();
  const MappedFile file(path);
  if (file.size() < 8)
    throw InputError(where, "", "a safetensors file", std::to_string(file.size()) + " bytes");
  const std::uint64_t header = little_endian(file.data());
  if (header > file.size() - 8 || header > (std::uint64_t{100} << 20))
    throw InputError(where, "header", "at most " + std::to_string(file.size() - 8) + " bytes",
                     std::to_string(header) + " announced", "truncated, or not safetensors");
  const Json json = parse_json(std::string(reinterpret_cast<const char*>(file.data()) + 8, header),
                               where + ": header");
  if (!json.is_object()) throw InputError(where, "header", "a JSON object", "something else");
  const std::uint64_t bytes = file.size() - 8 - header;
  SafetensorsFile out;
  std::vector<Entry> entries;
  for (const auto& item : json.items()) {
    if (item.key() != "__metadata__") {
      entries.push_back(read_entry(item.key(), item.value(), bytes, where));
      continue;
    }
    for (const auto& meta : item.value().items()) {
      if (!meta.value().is_string())
        throw InputError(where, "__metadata__." + meta.key(), "text", meta.value().dump());
      out.metadata[meta.key()] = meta.value().get<std::string>();
    }
  }
  // An empty tensor stands before the one that begins where it does.
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  for (std::size_t i = 0; i + 1 < entries.size(); ++i)
    if (entries[i].end > entries[i + 1].begin)
      throw InputError(where, entries[i + 1].name, "data of its own",
                       "an overlap with " + permafrost::quoted(entries[i].name));
  for (const auto& entry : entries) {
    at::Tensor tensor = at::empty(entry.shape, entry.type);
    if (entry.end > entry.begin)
      std::memcpy(tensor.data_ptr(), file.data() + 8 + header + entry.begin,
                  entry.end - entry.begin);
    out.tensors.emplace_back(entry.name, tensor);
  }
  return out;
}

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  OrderedJson header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  std::string body;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor values = tensor.detach().to(at::kCPU).contiguous();
    if (header.contains(name)) throw Error("two tensors are named " + quoted(name));
    header[name] = {{"dtype", name_of(values.scalar_type())},
                    {"shape", values.sizes().vec()},
                    {"data_offsets", {offset, offset + values.nbytes()}}};
    offset += values.nbytes();
    body.append(static_cast<const char*>(values.data_ptr()), values.nbytes());
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // aligned data
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<char>(text.size() >> (8 * i) & 0xff);
  write_file_atomically(path, bytes + text + body);
}

}  // namespace permafrost
