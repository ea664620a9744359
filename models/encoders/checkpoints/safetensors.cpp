// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/safetensors.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "common/error.h"
#include "common/files/file_writer.h"
#include "common/json/json_object.h"

namespace permafrost {
namespace {

constexpr std::uint64_t kLongestHeader = 100'000'000;  // as upstream
constexpr std::size_t kMostDimensions = 64;

struct DtypeName {
  const char* name;
  at::ScalarType type;
};

constexpr DtypeName kDtypes[] = {{"F64", at::kDouble},
                                 {"F32", at::kFloat},
                                 {"F16", at::kHalf},
                                 {"BF16", at::kBFloat16},
                                 {"I64", at::kLong},
                                 {"I32", at::kInt},
                                 {"I16", at::kShort},
                                 {"I8", at::kChar},
                                 {"U8", at::kByte},
                                 {"BOOL", at::kBool},
                                 {"U16", at::kUInt16},
                                 {"U32", at::kUInt32},
                                 {"U64", at::kUInt64},
                                 {"F8_E4M3", at::kFloat8_e4m3fn},
                                 {"F8_E5M2", at::kFloat8_e5m2},
                                 {"F8_E8M0", at::kFloat8_e8m0fnu},
                                 {"C64", at::kComplexFloat}};

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

struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;
};

std::string shape_text(const std::vector<std::int64_t>& sizes) {
  return sizes.size() > kMostDimensions ? "very many" : c10::str(at::IntArrayRef(sizes));
}

Entry read_entry(const std::string& name, const Json& json, std::uint64_t bytes,
                 const std::string& where) {
  JsonObject object(json, where + ": " + name);
  Entry entry;
  entry.name = name;
  entry.type = dtype_named(object.text("dtype"), where, name);
  entry.shape = object.integers("shape");
  const auto offsets = object.integers("data_offsets");
  object.finish();
  if (entry.shape.size() > kMostDimensions)
    throw InputError(where, name + ".shape",
                     "at most " + std::to_string(kMostDimensions) + " sizes",
                     std::to_string(entry.shape.size()));
  std::uint64_t values = 1, strides = 1;  // strides: as though no size were 0
  for (const auto size : entry.shape) {
    const auto step = static_cast<std::uint64_t>(std::max<std::int64_t>(1, size));
    if (size < 0 || strides > (std::uint64_t{1} << 50) / step)
      throw InputError(where, name + ".shape", "sizes that fit in memory", shape_text(entry.shape));
    strides *= step;
    values *= static_cast<std::uint64_t>(size);
  }
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[1] < offsets[0] ||
      static_cast<std::uint64_t>(offsets[1]) > bytes)
    throw InputError(where, name + ".data_offsets",
                     "a range inside the file's " + std::to_string(bytes) + " bytes of data",
                     shape_text(offsets), "is the file truncated?");
  entry.begin = static_cast<std::uint64_t>(offsets[0]);
  entry.end = static_cast<std::uint64_t>(offsets[1]);
  if (entry.end - entry.begin != values * c10::elementSize(entry.type))
    throw InputError(where, name, std::to_string(values * c10::elementSize(entry.type)) + " bytes",
                     std::to_string(entry.end - entry.begin));
  return entry;
}

std::map<std::string, std::string> read_metadata(const Json& json, const std::string& where) {
  if (!json.is_object()) throw InputError(where, "__metadata__", "a JSON object", "something else");
  std::map<std::string, std::string> out;
  for (const auto& item : json.items()) {
    if (!item.value().is_string())
      throw InputError(where, "__metadata__." + item.key(), "text", "something else");
    out[item.key()] = item.value().get<std::string>();
  }
  return out;
}

// Sorts by place and throws unless each byte of the data belongs to one tensor: as the format has
// it, so that nothing hides in a file.
void require_cover(std::vector<Entry>& entries, std::uint64_t bytes, const std::string& where) {
  // An empty tensor stands before the one that begins where it does.
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::uint64_t end = 0;
  std::string last = "the header";
  for (const auto& entry : entries) {
    if (entry.begin < end)
      throw InputError(where, entry.name, "data of its own", "an overlap with " + quoted(last));
    if (entry.begin > end)
      throw InputError(where, entry.name, "data that begins at byte " + std::to_string(end),
                       "a hole up to byte " + std::to_string(entry.begin));
    end = entry.end;
    last = entry.name;
  }
  if (end != bytes)
    throw InputError(where, "", std::to_string(end) + " bytes of data", std::to_string(bytes),
                     "bytes that belong to no tensor");
}

at::Tensor tensor_of(const Entry& entry, const ByteRange& data, const std::string& where) {
  const ByteRange values = data.part(entry.begin, entry.end - entry.begin);
  if (values.size == 0) return at::empty(entry.shape, entry.type);
  if (entry.type == at::kBool) require_truth_values(values, where, entry.name);
  std::vector<std::int64_t> strides(entry.shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = strides.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= entry.shape[i];
  }
  return tensor_in(storage_over(values, c10::elementSize(entry.type)), entry.type, 0, entry.shape,
                   strides);
}

}  // namespace

const at::Tensor& SafetensorsFile::tensor(const std::string& name, const std::string& file) const {
  for (const auto& [key, value] : tensors)
    if (key == name) return value;
  throw InputError(file, name, "a tensor of this name", "none");
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  return read_safetensors(map_bytes(path), path.string());
}

SafetensorsFile read_safetensors(const ByteRange& file, const std::string& where) {
  if (file.size < 8)
    throw InputError(where, "", "a safetensors file", std::to_string(file.size) + " bytes");
  const std::uint64_t header = little_endian(file.data, 8);
  if (header > file.size - 8 || header > kLongestHeader)
    throw InputError(
        where, "header",
        "at most " + std::to_string(std::min(file.size - 8, kLongestHeader)) + " bytes",
        std::to_string(header) + " announced", "truncated, or not safetensors");
  const Json json = parse_json(std::string(file.part(8, header).text()), where + ": header");
  if (!json.is_object()) throw InputError(where, "header", "a JSON object", "something else");
  const ByteRange data = file.part(8 + header, file.size - 8 - header);
  SafetensorsFile out;
  std::vector<Entry> entries;
  for (const auto& item : json.items()) {
    if (item.key() == "__metadata__")
      out.metadata = read_metadata(item.value(), where);
    else
      entries.push_back(read_entry(item.key(), item.value(), data.size, where));
  }
  require_cover(entries, data.size, where);
  for (const auto& entry : entries)
    out.tensors.emplace_back(entry.name, tensor_of(entry, data, where));
  return out;
}

std::string safetensors_header(const NamedTensors& tensors,
                               const std::map<std::string, std::string>& metadata,
                               const std::string& where) {
  OrderedJson header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    if (header.contains(name)) throw Error("two tensors are named " + quoted(name));
    header[name] = {{"dtype", name_of(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + tensor.nbytes()}}};
    offset += tensor.nbytes();
  }
  std::string text = header.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // aligned data
  if (text.size() > kLongestHeader)
    throw Error(where + ": a header of " + std::to_string(text.size()) +
                " bytes, which no reader takes (at most " + std::to_string(kLongestHeader) + ")");
  return text;
}

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string text = safetensors_header(tensors, metadata, path.string());
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<char>(text.size() >> (8 * i) & 0xff);
  FileWriter file(path);
  file.write(bytes + text);
  // One after the other: what lies in memory as the file has it is not copied at all.
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor values = tensor.detach().to(at::kCPU).contiguous();
    file.write({static_cast<const char*>(values.const_data_ptr()), values.nbytes()});
  }
  file.finish();
}

}  // namespace permafrost
