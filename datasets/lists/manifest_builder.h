// SPDX-License-Identifier: Apache-2.0
#pragma once

// From what a list says to checked entries: shared by the readers of its forms.
//
//   ManifestBuilder builder(options, folder, [&](int line) { return file + ":" + ...; });
//   builder.add({.path = "a.mp4", .label = "3"}, 1);
//   return builder.finish();
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "datasets/lists/manifest.h"

namespace permafrost {

struct ManifestRow {
  std::string path;
  std::optional<std::string> label, group;
  // Of a list of several labels a sample; unset: `label` is one text of them all.
  std::optional<std::vector<std::string>> labels;
  std::int64_t frames_told = 0;  // see ManifestEntry
  // Of a member of an archive: the archive, and where in it; `path` is then a name alone.
  std::filesystem::path file;
  FilePart range;
};

class ManifestBuilder {
 public:
  // `folder`: where paths start if the options name no root. `where` names a line in messages.
  ManifestBuilder(const ManifestOptions& options, const std::filesystem::path& folder,
                  std::function<std::string(int)> where);

  // Throws InputError for an empty path and for a label that is none.
  void add(const ManifestRow& row, int line);
  bool empty() const { return entries_.empty(); }
  // Looks at the files, side by side; throws InputError for the first that is not there.
  Manifest finish();

 private:
  int label_of(const std::optional<std::string>& text, int line);
  std::vector<std::string> texts_of(const ManifestRow& row) const;
  void give_labels(ManifestEntry& entry, const std::vector<std::string>& texts);
  void refuse_mixed_labels() const;
  void name_classes();
  void look_at_files();
  bool find_file(ManifestEntry& entry) const;
  void require_files() const;
  std::string identity() const;

  const ManifestOptions& options_;
  std::filesystem::path root_;
  std::function<std::string(int)> where_;
  std::unordered_map<std::string, int> classes_by_name_;
  std::vector<ManifestEntry> entries_;
  std::vector<std::string> class_names_;
  std::vector<std::vector<std::string>> label_texts_;  // with name_classes, until finish()
  std::vector<std::string> group_texts_;
  std::map<std::string, std::int64_t> groups_;
  std::int64_t next_group_ = 0;
  int largest_ = -1;
  std::string first_split_;
};

// A number from 0 to the largest int, in digits alone; else nothing.
std::optional<std::int64_t> whole_number(std::string_view text);

// The same of a label, which tables may have written as "3.0".
std::optional<std::int64_t> label_number(std::string_view text);

// ASCII letters made small.
std::string lower(std::string text);

// The readers behind read_manifest(); `path` is where the text comes from.
Manifest parse_text_list(std::string_view text, const std::filesystem::path& path,
                         const ManifestOptions& options);
// An object a line is read as well, whatever the file is called.
Manifest parse_json_list(const std::string& text, const std::filesystem::path& path,
                         const ManifestOptions& options);
// The archives that a path names: one, a range ("train-{000..146}.tar"), or those of a folder that
// has no folders in it. None where it names something else.
std::vector<std::filesystem::path> tar_shards(const std::filesystem::path& path);
// options.split: only members below this folder of the archives.
Manifest read_tar_list(const std::filesystem::path& path, const ManifestOptions& options);
Manifest read_class_folders(const std::filesystem::path& path, const ManifestOptions& options);
// Labels follow options.class_names by name. The identity is that of the pack.
Manifest read_pack_list(const std::filesystem::path& folder, const ManifestOptions& options);

}  // namespace permafrost
