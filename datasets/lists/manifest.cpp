// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/manifest.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/error.h"
#include "common/files/files.h"
#include "common/files/hash.h"
#include "datasets/lists/label_sets.h"
#include "datasets/lists/manifest_builder.h"
#include "datasets/lists/text_line.h"
#include "datasets/pack/pack.h"
#include "datasets/video/frame_folder.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

// Kinetics' columns that together name a file: <id>_<start>_<end>.
struct KineticsColumns {
  std::size_t id = 0, start = 0, end = 0;
};

// Where the columns stand; read from a header line.
struct Header {
  std::string separator;  // " " for runs of blanks
  std::size_t fields = 0;
  std::optional<std::size_t> path;
  std::optional<KineticsColumns> kinetics;  // where there is no path
  std::optional<std::size_t> label, group, split;
};

std::string separator_of(std::string_view line, const ManifestOptions& options) {
  if (!options.separator.empty()) return options.separator;
  for (const char* separator : {",", "\t", ";"})
    if (line.find(separator) != kNowhere) return separator;
  return " ";
}

using Names = std::vector<std::string_view>;

// The usual names, then others that people give: a list that has both means the first.
const Names kPathNames{"path", "file", "filename", "video"};
const Names kOtherPathNames{"filepath",   "file_path", "file_name",  "video_path",
                            "video_name", "image",     "image_path", "image_name"};
const Names kLabelNames{"label", "class"};
const Names kOtherLabelNames{"label_name", "class_name", "category"};
// Of lists of several labels a sample: Charades has actions of an id, which is the file's name.
const Names kSetNames{"labels", "actions", "classes"};

bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string all_of(const Names& names, const Names& others) {
  std::string text;
  for (const Names* some : {&names, &others})
    for (const auto name : *some) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

// The first column of one of the names.
std::optional<std::size_t> column(const std::vector<std::string>& fields, const Names& names) {
  for (std::size_t k = 0; k < fields.size(); ++k)
    if (contains(names, lower(fields[k]))) return k;
  return std::nullopt;
}

// A first line that calls its last column "label" is a header, not a clip of the class "label".
void refuse_unknown_header(const std::vector<std::string>& fields, std::string_view line,
                           const std::string& where) {
  const std::string last = fields.empty() ? "" : lower(fields.back());
  if (fields.size() < 2 || last.empty()) return;
  if (last != "labels" && last != "categories" && !contains(kLabelNames, last) &&
      !contains(kOtherLabelNames, last))
    return;
  throw InputError(where, "header",
                   "a column of files under " + all_of(kPathNames, kOtherPathNames) +
                       ", and one of labels under " + all_of(kLabelNames, kOtherLabelNames),
                   quoted(std::string(line)));
}

// Nothing where the first line is an entry. Throws InputError for a header that names no file.
std::optional<Header> header_of(std::string_view line, const ManifestOptions& options,
                                const std::string& where) {
  Header header;
  header.separator = separator_of(line, options);
  const std::vector<std::string> fields = fields_of(line, header.separator);
  header.fields = fields.size();
  for (const auto& field : fields)
    if (whole_number(field)) return std::nullopt;
  header.path = column(fields, kPathNames);
  if (!header.path) header.path = column(fields, kOtherPathNames);
  header.label = column(fields, kLabelNames);
  if (!header.label) header.label = column(fields, kOtherLabelNames);
  if (options.multi_label) {
    if (const auto set = column(fields, kSetNames)) header.label = set;
    if (!header.path) header.path = column(fields, {"id"});
  }
  header.group = column(fields, {"group"});
  header.split = column(fields, {"split"});
  const auto id = column(fields, {"youtube_id"}), start = column(fields, {"time_start"}),
             end = column(fields, {"time_end"});
  if (id && start && end) header.kinetics = {*id, *start, *end};
  if (!header.path && !header.kinetics) {
    if (options.labels_required) refuse_unknown_header(fields, line, where);
    return std::nullopt;
  }
  if (!header.label && options.labels_required) {
    throw InputError(where, "header",
                     "a column named label or class, or " + all_of(kOtherLabelNames, {}),
                     quoted(std::string(line)));
  }
  return header;
}

std::string kinetics_name(const std::vector<std::string>& fields, const KineticsColumns& columns,
                          const std::string& where) {
  std::string name = fields[columns.id];
  for (const std::size_t column : {columns.start, columns.end}) {
    const auto seconds = whole_number(fields[column]);
    if (!seconds || *seconds > 999'999) {
      throw InputError(where, "time_start, time_end", "whole seconds up to 999999",
                       quoted(fields[column]));
    }
    char digits[16];
    std::snprintf(digits, sizeof digits, "_%06d", static_cast<int>(*seconds));
    name += digits;
  }
  return name;
}

// Nothing for a line of another split.
std::optional<ManifestRow> row_under_header(std::string_view line, const Header& header,
                                            const ManifestOptions& options,
                                            const std::string& where) {
  const std::vector<std::string> fields = fields_of(line, header.separator);
  if (fields.size() != header.fields) {
    throw InputError(where, "columns", std::to_string(header.fields) + " as in the header",
                     std::to_string(fields.size()), "a path that holds a separator needs quotes");
  }
  if (header.split && !options.split.empty() && fields[*header.split] != options.split) {
    return std::nullopt;
  }
  ManifestRow row{.path = header.path ? fields[*header.path]
                                      : kinetics_name(fields, *header.kinetics, where)};
  if (header.label) row.label = fields[*header.label];
  if (header.group) row.group = fields[*header.group];
  return row;
}

// "a.mp4 1 5 7": what stands behind the path is labels. The path ends with the first field of a
// media ending, else it is the first field.
ManifestRow row_of_several(std::string_view line, const ManifestOptions& options) {
  const std::string separator = separator_of(line, options);
  const std::vector<std::string> fields = fields_of(line, separator);
  std::size_t last = 0;
  while (last < fields.size() && !is_media_path(fields[last])) ++last;
  if (last == fields.size()) last = 0;
  ManifestRow row{.labels = std::vector<std::string>{}};
  for (std::size_t k = 0; k < fields.size(); ++k) {
    if (k <= last) {
      row.path += (k > 0 ? separator : "") + fields[k];
      continue;
    }
    const auto labels = labels_of_cell(fields[k]);
    row.labels->insert(row.labels->end(), labels.begin(), labels.end());
  }
  return row;
}

void refuse_split(const fs::path& path, const ManifestOptions& options, const std::string& found) {
  if (options.split.empty()) return;
  throw InputError(path.string(), "split",
                   "a list that names the split of its entries, as " + quoted(options.split) +
                       " alone is asked for",
                   found);
}

// A list gives the numbers of frames of all its videos or of none. Lines with two numbers among
// lines with one are samples with several labels.
class NumbersOfFrames {
 public:
  void look_at(const ManifestRow& row, std::string_view line, const std::string& where) {
    if (!is_video_path(row.path)) return;
    const bool told = row.frames_told > 0;
    if (told && first_.empty()) {
      first_ = std::string(line);
      where_ = where;
    }
    has_others_ = has_others_ || !told;
    if (!first_.empty() && has_others_) refuse_several_labels(where_, first_);
  }

 private:
  std::string first_, where_;
  bool has_others_ = false;
};

}  // namespace

Manifest parse_text_list(std::string_view text, const fs::path& path,
                         const ManifestOptions& options) {
  if (text.find('\0') != std::string::npos) {
    throw InputError(path.string(), "", "a manifest of text lines", "binary data");
  }
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  const auto where_of = [&](int line) { return path.string() + ":" + std::to_string(line); };
  ManifestBuilder builder(options, path.parent_path(), where_of);
  const ListPlace place{options, options.root.empty() ? path.parent_path() : options.root};
  NumbersOfFrames numbers;
  std::optional<Header> header;
  bool first = true;
  for (int line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view content = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (content.empty() || is_comment(content)) continue;
    if (std::exchange(first, false)) {
      header = header_of(content, options, where_of(line));
      if (!header || !header->split) refuse_split(path, options, "no header with such a column");
      if (header) continue;
    }
    if (header) {
      const auto row = row_under_header(content, *header, options, where_of(line));
      if (row) builder.add(*row, line);
    } else if (options.labels_ignored) {
      builder.add(unlabelled_row(content, options), line);
    } else {
      const ManifestRow row = options.multi_label
                                  ? row_of_several(content, options)
                                  : row_without_header(content, place, where_of(line));
      if (!options.multi_label) numbers.look_at(row, content, where_of(line));
      builder.add(row, line);
    }
  }
  if (builder.empty()) {
    throw InputError(path.string(), "",
                     options.split.empty() ? "at least one line \"path label\""
                                           : "at least one line of split " + quoted(options.split),
                     "none");
  }
  return builder.finish();
}

namespace {

bool has_ending(const fs::path& path, const std::vector<std::string>& endings) {
  const std::string name = lower(path.filename().string());
  return std::any_of(endings.begin(), endings.end(),
                     [&](const std::string& ending) { return name.ends_with(ending); });
}

// Archives that are compressed cannot be read in place, and tables of other programs are no text.
void refuse_packed(const fs::path& path) {
  const bool is_tar = has_ending(path, {".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"});
  if (is_tar)
    throw InputError(path.string(), "", "a tar archive that is not compressed", "a compressed one",
                     "unpack the compression alone, as gunzip does; the members of the .tar are "
                     "then read in place");
  const auto refuse = [&](const std::string& found, const std::string& hint) {
    throw InputError(path.string(), "", "a list of text or JSON, a folder, or a tar archive", found,
                     hint);
  };
  if (has_ending(path, {".gz", ".bz2", ".xz", ".zst"}))
    refuse("a compressed file", "unpack it first");
  if (has_ending(path, {".xlsx", ".xls", ".ods"})) refuse("a spreadsheet", "save it as CSV");
  if (has_ending(path, {".zip", ".7z", ".rar"})) refuse("an archive", "unpack it first");
  if (has_ending(path, {".parquet", ".feather", ".arrow"}))
    refuse("a table in columns", "write it as CSV: DataFrame.to_csv(FILE, index=False)");
  if (is_media_path(path))
    refuse("a video or image", "a list of one line names it: echo 'a.mp4 0' > list.txt");
}

void add_utf8(std::string& text, std::uint32_t code) {
  const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      add(0xE0 | code >> 12);
    } else {
      add(0xF0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3F));
    }
    add(0x80 | (code >> 6 & 0x3F));
  }
  add(0x80 | (code & 0x3F));
}

// Text in UTF-16 with its mark, as PowerShell and Excel write it, in UTF-8; other text as it is.
std::string as_utf8(std::string text) {
  const bool little = text.starts_with("\xFF\xFE"), big = text.starts_with("\xFE\xFF");
  if (!little && !big) return text;
  const auto unit = [&](std::size_t at) {
    const std::uint32_t first = static_cast<std::uint8_t>(text[at]),
                        second = static_cast<std::uint8_t>(text[at + 1]);
    return little ? second << 8 | first : first << 8 | second;
  };
  std::string out;
  for (std::size_t at = 2; at + 1 < text.size(); at += 2) {
    std::uint32_t code = unit(at);
    const bool is_high = code >= 0xD800 && code < 0xDC00;
    if (is_high && at + 3 < text.size() && unit(at + 2) >= 0xDC00 && unit(at + 2) < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (unit(at + 2) - 0xDC00);
      at += 2;
    } else if (code >= 0xD800 && code < 0xE000) {
      code = 0xFFFD;  // half of a pair
    }
    add_utf8(out, code);
  }
  return out;
}

}  // namespace

Manifest read_manifest(const fs::path& path, const ManifestOptions& options) {
  std::error_code ignored;
  if (is_pack(path)) {
    refuse_split(path, options, "a pack");
    Manifest manifest = read_pack_list(path, options);
    if (manifest.classes > kMostClasses)
      throw InputError((path / "pack.json").string(), "classes",
                       "at most " + std::to_string(kMostClasses), std::to_string(manifest.classes));
    return manifest;
  }
  if (!tar_shards(path).empty()) return read_tar_list(path, options);
  if (fs::is_directory(path, ignored)) {
    refuse_split(path, options, "folders of classes");
    return read_class_folders(path, options);
  }
  if (fs::is_regular_file(path, ignored) ||
      has_ending(path, {".gz", ".tgz", ".bz2", ".xz", ".zst"}))
    refuse_packed(path);
  const std::string text = as_utf8(read_file(path));
  if (has_ending(path, {".json", ".jsonl", ".ndjson"}) || is_json_lines(text))
    return parse_json_list(text, path, options);
  return parse_text_list(text, path, options);
}

std::int64_t Manifest::missing() const {
  return std::count_if(entries.begin(), entries.end(),
                       [](const ManifestEntry& entry) { return entry.bytes < 0; });
}

std::vector<fs::path> files_of_list(const fs::path& path) {
  std::error_code ignored;
  if (fs::exists(path, ignored)) return {path};
  const std::vector<fs::path> shards = tar_shards(path);
  return shards.empty() ? std::vector<fs::path>{path} : shards;
}

Manifest joined_lists(Manifest train, const Manifest& test) {
  std::int64_t groups = 0;
  for (const auto& entry : train.entries) groups = std::max(groups, entry.group + 1);
  for (const auto& entry : test.entries) {
    train.entries.push_back(entry);
    train.entries.back().group += groups;
  }
  train.classes = std::max(train.classes, test.classes);
  train.identity = sha256_of("train " + train.identity + "\ntest " + test.identity + "\n");
  return train;
}

bool is_media_path(const fs::path& path) { return is_image_path(path) || is_video_path(path); }

}  // namespace permafrost
