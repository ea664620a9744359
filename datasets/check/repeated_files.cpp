// SPDX-License-Identifier: Apache-2.0
// Whether a file stands in the lists of a task more than once.
#include <algorithm>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include "common/error.h"
#include "common/machine/parallel.h"
#include "datasets/tasks/task_lists.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

fs::path followed(const fs::path& path) {
  std::error_code error;
  const fs::path found = fs::weakly_canonical(path, error);
  return error ? path.lexically_normal() : found;
}

// Where the bytes of every entry lie. Links are followed once a folder, not once a file: lists of
// millions of files lie in few folders. A file that is a link itself costs a look of its own.
std::vector<std::string> places_of(const Manifest& manifest) {
  const auto count = static_cast<std::int64_t>(manifest.entries.size());
  std::vector<std::string> places(manifest.entries.size());
  std::unordered_map<std::string, fs::path> folders;
  for (const auto& entry : manifest.entries) {
    const auto [it, added] = folders.try_emplace(entry.path.parent_path().string());
    if (added) it->second = followed(entry.path.parent_path());
  }
  constexpr std::int64_t kPiece = 256;
  constexpr int kLeastThreads = 8;  // these wait for the disk, not for a core
  parallel_for((count + kPiece - 1) / kPiece, std::max(kLeastThreads, available_threads()),
               [&](std::int64_t piece) {
                 const std::int64_t end = std::min(count, (piece + 1) * kPiece);
                 for (std::int64_t i = piece * kPiece; i < end; ++i) {
                   const auto& entry = manifest.entries[static_cast<std::size_t>(i)];
                   std::error_code ignored;
                   const bool is_link = fs::is_symlink(entry.path, ignored);
                   const fs::path& folder = folders.at(entry.path.parent_path().string());
                   const fs::path place =
                       is_link ? followed(entry.path) : folder / entry.path.filename();
                   places[static_cast<std::size_t>(i)] =
                       place.string() + "#" + std::to_string(entry.range.offset);
                 }
               });
  return places;
}

// An entry as messages of its list name it; see ManifestEntry.
std::string entry_of(const NamedList& list, int line) {
  std::error_code ignored;
  if (list.path.extension() == ".json") return list.path.string() + ":/" + std::to_string(line - 1);
  const bool is_text =
      fs::is_regular_file(list.path, ignored) && !list.manifest.entries.front().range.is_part();
  return list.path.string() + (is_text ? ":" : ": entry ") + std::to_string(line);
}

}  // namespace

void refuse_repeated_files(const std::vector<NamedList>& lists) {
  struct Seen {
    const NamedList* list = nullptr;
    const ManifestEntry* entry = nullptr;
  };
  std::unordered_map<std::string, Seen> seen;
  for (const auto& list : lists) {
    std::vector<std::string> places = places_of(list.manifest);
    for (std::size_t i = 0; i < places.size(); ++i) {
      const ManifestEntry& entry = list.manifest.entries[i];
      const auto [it, added] = seen.try_emplace(std::move(places[i]), Seen{&list, &entry});
      if (added) continue;
      const Seen& first = it->second;
      const bool in_both = first.list != &list;
      throw InputError(entry_of(list, entry.line), in_both ? list.name : "path",
                       in_both ? "files that the training list does not hold" : "every file once",
                       quoted(entry.name) + (in_both ? " in both" : " twice"),
                       "the same file as " + quoted(first.entry->name) + " at " +
                           entry_of(*first.list, first.entry->line));
    }
  }
}

}  // namespace permafrost
