// SPDX-License-Identifier: Apache-2.0
#include "bench/records/record_archive.h"

#include <functional>
#include <map>
#include <optional>

#include "bench/records/record_folder.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/files/xz.h"
#include "datasets/tar/tar_index.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

// The bytes of "records/KEY.json" or "predictions/KEY.csv", if there are any.
using FileOf = std::function<std::optional<std::string>(const fs::path&)>;

std::int64_t copied(const std::vector<std::string>& keys, const fs::path& out, const FileOf& file) {
  std::int64_t found = 0;
  for (const auto& key : keys) {
    const auto record = file(record_path("", key)), predictions = file(predictions_path("", key));
    if (!record || !predictions) continue;
    ++found;
    std::error_code ignored;
    if (fs::exists(record_path(out, key), ignored)) continue;
    write_file_atomically(predictions_path(out, key), *predictions);
    write_file_atomically(record_path(out, key), *record);
  }
  return found;
}

std::optional<std::string> file_in_folder(const fs::path& folder, const fs::path& name) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / name, ignored)) return std::nullopt;
  return read_file(folder / name);
}

}  // namespace

std::int64_t import_records(const fs::path& from, const std::vector<std::string>& keys,
                            const fs::path& out) {
  std::error_code ignored;
  if (fs::is_directory(from, ignored)) {
    if (!fs::is_directory(from / "records", ignored))
      throw InputError(from.string(), "", "a folder of records, with records/ in it",
                       "none in this folder");
    return copied(keys, out, [&](const fs::path& name) { return file_in_folder(from, name); });
  }
  std::string bytes = read_file(from);
  if (is_xz(bytes)) bytes = unpacked_xz(bytes, from.string());
  std::map<std::string, std::string_view> members;
  for (const auto& member : read_tar_index(bytes, from.string()))
    members[member.name] =
        std::string_view(bytes).substr(static_cast<std::size_t>(member.range.offset),
                                       static_cast<std::size_t>(member.range.bytes));
  const auto first = members.lower_bound("records/");
  if (first == members.end() || !first->first.starts_with("records/"))
    throw InputError(from.string(), "", "an archive of records, with records/KEY.json in it",
                     "none among " + std::to_string(members.size()) + " files");
  return copied(keys, out, [&](const fs::path& name) -> std::optional<std::string> {
    const auto it = members.find(name.generic_string());
    if (it == members.end()) return std::nullopt;
    return std::string(it->second);
  });
}

}  // namespace permafrost
