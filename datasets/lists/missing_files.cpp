// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/missing_files.h"

#include <utility>

#include "common/error.h"
#include "common/files/hash.h"

namespace permafrost {
namespace {

constexpr std::size_t kTold = 5;

bool is_missing(const ManifestEntry& entry) { return entry.bytes < 0; }

}  // namespace

std::string split_hint(std::size_t missing, std::size_t entries, const std::string& first_split) {
  if (missing < 2 || 2 * missing <= entries || first_split.empty()) return "";
  return std::to_string(missing) + " of " + std::to_string(entries) +
         " are missing: is the list split as it should be, and do its paths start where it lies? " +
         first_split;
}

void require_files(const Manifest& list, const std::filesystem::path& path) {
  std::string first, names;
  std::size_t count = 0;
  for (const auto& entry : list.entries) {
    if (!is_missing(entry)) continue;
    if (count == 0) first = path.string() + ":" + std::to_string(entry.line);
    if (count < kTold) names += (count > 0 ? ", " : "") + quoted(entry.path.string());
    ++count;
  }
  if (count == 0) return;
  const std::string of = std::to_string(count) + " of " + std::to_string(list.entries.size());
  const std::string split = split_hint(count, list.entries.size(), list.first_split);
  throw InputError(
      first, "path", "existing files", of + " missing: " + names + (count > kTold ? ", ..." : ""),
      !split.empty() ? split
                     : "data check tells all; \"missing_files\": \"count\" goes on without them");
}

std::vector<std::string> take_out_missing(Manifest& list, const std::filesystem::path& path) {
  std::vector<std::string> names;
  std::vector<ManifestEntry> left;
  for (auto& entry : list.entries) {
    if (is_missing(entry))
      names.push_back(entry.name);
    else
      left.push_back(std::move(entry));
  }
  list.entries = std::move(left);
  if (names.empty()) return names;
  if (list.entries.empty())
    throw InputError(path.string(), "path", "at least one existing file",
                     "all of " + std::to_string(names.size()) + " missing",
                     split_hint(names.size(), names.size(), list.first_split));
  std::string text = list.identity + "\n";
  for (const auto& name : names) text += name + "\n";
  list.identity = sha256_of(text);
  return names;
}

}  // namespace permafrost
