// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/checkpoints/checkpoint.h"

#include <nlohmann/json.hpp>
#include <set>

#include "common/error.h"
#include "common/files/crc32.h"
#include "models/encoders/checkpoints/huggingface_folder.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/checkpoints/torch_file.h"
#include "models/encoders/checkpoints/wrapper_names.h"

namespace permafrost {
namespace {

bool begins(const ByteRange& bytes, std::string_view start, std::uint64_t offset = 0) {
  return bytes.holds(offset, start.size()) && bytes.text().substr(offset, start.size()) == start;
}

[[noreturn]] void refuse(const std::string& where, const std::string& found,
                         const std::string& hint = "") {
  throw InputError(where, "", "safetensors, or a file of torch.save", found, hint);
}

// Kinds of files that are worth a word of their own.
void refuse_known(const ByteRange& bytes, const std::string& where) {
  if (bytes.size == 0) refuse(where, "an empty file");
  if (begins(bytes, "ustar", 257))
    refuse(where, "a tar archive", "torch 0.1.9 wrote such: save it again with a newer torch");
  if (begins(bytes, "version https://git-lfs"))
    refuse(where, "a pointer of Git LFS", "fetch the file itself: git lfs pull");
  if (begins(bytes, "\x1f\x8b")) refuse(where, "a gzip file", "unpack it first");
  if (begins(bytes, "\x89HDF")) refuse(where, "an HDF5 file");
  if (begins(bytes, "<!DOCTYPE") || begins(bytes, "<html"))
    refuse(where, "a web page", "was it fetched from the right address?");
}

void require_intact(const Checksummed& record, const std::string& where) {
  const std::uint32_t found = crc32_of(record.bytes.text());
  if (found != record.crc32)
    throw InputError(where, record.name,
                     "bytes with the CRC-32 " + std::to_string(record.crc32) + " of the archive",
                     "bytes with " + std::to_string(found), "is the file damaged?");
}

}  // namespace

const StateDict* Checkpoint::entry(const std::string& name) const {
  for (const auto& candidate : entries)
    if (candidate.name == name) return &candidate;
  return nullptr;
}

std::optional<StateDict> Checkpoint::entry_or_part(const std::string& name) const {
  if (const StateDict* whole = entry(name)) return *whole;
  for (const auto& candidate : entries) {
    const std::string start = candidate.name.empty() ? "" : candidate.name + ".";
    if (name.size() <= start.size() || !name.starts_with(start)) continue;
    const std::string below = without_wrappers(name.substr(start.size()) + ".");
    StateDict part{name, {}, candidate.records};
    for (const auto& [stored, tensor] : candidate.tensors)
      if (const std::string bare = without_wrappers(stored); bare.starts_with(below))
        part.tensors.emplace_back(bare.substr(below.size()), tensor);
    if (!part.tensors.empty()) return part;
  }
  return std::nullopt;
}

Checkpoint open_checkpoint(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return open_huggingface_folder(path);
  return read_checkpoint(map_bytes(path), path.string());
}

Checkpoint read_checkpoint(const ByteRange& bytes, const std::string& where) {
  Checkpoint out;
  out.path = where;
  refuse_known(bytes, where);
  if (begins(bytes, "{", 8)) {  // first: its length may begin as a pickle does
    SafetensorsFile file = read_safetensors(bytes, where);
    if (file.tensors.empty()) throw InputError(where, "", "tensors", "none");
    out.entries.push_back({"", std::move(file.tensors)});
    out.metadata = std::move(file.metadata);
  } else if (begins(bytes, "PK")) {
    out.container = Container::torch_zip;
    add_entries(read_torch_archive(bytes, where), out);
  } else if (begins(bytes, "\x80") && bytes.size > 2 && bytes.data[1] <= 5) {
    out.container = Container::torch_legacy;
    add_entries(read_torch_legacy(bytes, where), out);
  } else {
    refuse(where, "something else");
  }
  return out;
}

void require_intact(const Checkpoint& checkpoint, const StateDict& entry) {
  for (const auto& record : entry.records) require_intact(record, checkpoint.path);
}

void require_intact(const Checkpoint& checkpoint) {
  std::set<std::string> read;
  for (const auto& entry : checkpoint.entries)
    for (const auto& record : entry.records)
      if (read.insert(record.name).second) require_intact(record, checkpoint.path);
}

const char* name_of(Container container) {
  switch (container) {
    case Container::safetensors:
      return "safetensors";
    case Container::torch_zip:
      return "torch archive";
    case Container::torch_legacy:
      return "torch file of the old container";
    case Container::huggingface:
      return "Hugging Face folder";
  }
  return "";
}

}  // namespace permafrost
