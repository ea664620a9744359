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
#include "datasets/pack/pack.h"
#include "datasets/video/frame_folder.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";
constexpr auto kNowhere = std::string_view::npos;

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

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == kNowhere) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// Takes CSV quotes off a field: "a ""b""" -> a "b".
std::string unquoted(std::string_view field) {
  field = trimmed(field);
  if (field.size() < 2 || field.front() != '"' || field.back() != '"') return std::string(field);
  field = field.substr(1, field.size() - 2);
  std::string text;
  for (std::size_t k = 0; k < field.size(); ++k) {
    text += field[k];
    if (field[k] == '"' && k + 1 < field.size() && field[k + 1] == '"') ++k;
  }
  return text;
}

// Whether a separator stands at the begin of `rest`.
bool separates(std::string_view rest, std::string_view separator) {
  if (separator == " ") return rest.front() == ' ' || rest.front() == '\t';
  return rest.starts_with(separator);
}

std::vector<std::string> fields_of(std::string_view line, const std::string& separator) {
  std::vector<std::string> fields;
  std::size_t begin = 0;
  bool in_quotes = false;
  for (std::size_t k = 0; k <= line.size();) {
    const bool end = k == line.size();
    if (!end && line[k] == '"') in_quotes = !in_quotes;
    if (!end && (in_quotes || !separates(line.substr(k), separator))) {
      ++k;
      continue;
    }
    if (separator != " " || k > begin) fields.push_back(unquoted(line.substr(begin, k - begin)));
    k += end ? 1 : separator.size();
    begin = k;
  }
  return fields;
}

std::string separator_of(std::string_view line, const ManifestOptions& options) {
  if (!options.separator.empty()) return options.separator;
  return line.find(',') != kNowhere ? "," : line.find('\t') != kNowhere ? "\t" : " ";
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

// The last place outside of quotes where one of the separators stands.
std::size_t last_separator(std::string_view line, const std::vector<std::string>& separators) {
  std::size_t cut = kNowhere;
  bool in_quotes = false;
  for (std::size_t k = 0; k < line.size(); ++k) {
    if (line[k] == '"') in_quotes = !in_quotes;
    if (in_quotes) continue;
    for (const auto& separator : separators) {
      if (separates(line.substr(k), separator)) cut = k;
    }
  }
  return cut;
}

ManifestRow cut_at(std::string_view line, std::size_t cut, std::size_t width) {
  std::string_view path = trimmed(line.substr(0, cut));
  if (!path.empty() && path.back() == ',' && line[cut] != ',') path.remove_suffix(1);  // "a.mp4, 3"
  return {.path = unquoted(path), .label = unquoted(line.substr(cut + width))};
}

// Whether "a::b.mp4 0" is meant: a path with "::" in it, and the label behind a later separator.
bool holds_path(std::string_view behind) {
  const std::size_t cut = last_separator(behind, {",", " "});
  return cut != kNowhere && is_media_path(unquoted(behind.substr(0, cut)));
}

// The last separator outside of quotes parts path and label. Names of classes may hold blanks:
// where the label is no number, a comma or tab goes before blanks.
ManifestRow row_without_header(std::string_view line, const ManifestOptions& options) {
  if (!options.separator.empty()) {
    const std::size_t cut = last_separator(line, {options.separator});
    if (cut == kNowhere) return {.path = unquoted(line)};
    return cut_at(line, cut, options.separator.size());
  }
  if (const std::size_t cut = last_separator(line, {"::"});
      cut != kNowhere && !holds_path(line.substr(cut + 2))) {
    return cut_at(line, cut, 2);
  }
  const std::size_t cut = last_separator(line, {",", " "});
  if (cut == kNowhere) return {.path = unquoted(line)};
  ManifestRow row = cut_at(line, cut, 1);
  if (const std::size_t firm = last_separator(line, {",", "\t"}); firm != kNowhere && firm != cut) {
    ManifestRow other = cut_at(line, firm, 1);
    const auto& names = options.class_names;
    const bool is_named = std::find(names.begin(), names.end(), *other.label) != names.end();
    if (is_named || (options.name_classes && !whole_number(*row.label))) return other;
  }
  if (!options.labels_required && !whole_number(*row.label)) return {.path = unquoted(line)};
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

// "#1.mp4,0" is an entry: only what no one would write as one is a comment.
bool is_comment(std::string_view line) {
  return line.starts_with('#') && (line.size() == 1 || kBlanks.find(line[1]) != kNowhere);
}

void refuse_split(const fs::path& path, const ManifestOptions& options, const std::string& found) {
  if (options.split.empty()) return;
  throw InputError(path.string(), "split",
                   "a list that names the split of its entries, as " + quoted(options.split) +
                       " alone is asked for",
                   found);
}

// Without a label. The path is the line, or what stands before its last field or its last two: the
// first of these with an ending of videos or images, else all that stands before numbers, or before
// a separator that is no blank.
ManifestRow unlabelled_row(std::string_view line, const ManifestOptions& options) {
  const std::vector<std::string> separators = options.separator.empty()
                                                  ? std::vector<std::string>{"::", ",", " "}
                                                  : std::vector<std::string>{options.separator};
  std::string path = unquoted(line), before_numbers = path;
  std::string_view rest = line;
  bool only_numbers = true;
  for (int fields = 0; !is_media_path(path); ++fields) {
    const std::size_t cut = last_separator(rest, separators);
    if (fields == 2 || cut == kNowhere || cut == 0) return {.path = before_numbers};
    const bool is_firm = !separates(rest.substr(cut), " ");
    const std::size_t width = separates(rest.substr(cut), "::") ? 2 : 1;
    const std::string field = unquoted(rest.substr(cut + width));
    rest = trimmed(rest.substr(0, cut));
    if (rest.ends_with(',')) rest.remove_suffix(1);  // "a.mp4, 3"
    path = unquoted(rest);
    only_numbers = only_numbers && (field == "-1" || whole_number(field));
    if (only_numbers || (fields == 0 && is_firm)) before_numbers = path;
  }
  return {.path = path};
}

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
    } else {
      builder.add(options.labels_ignored ? unlabelled_row(content, options)
                  : options.multi_label  ? row_of_several(content, options)
                                         : row_without_header(content, options),
                  line);
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
  if (lower(path.extension().string()) == ".json")
    return parse_json_list(read_file(path), path, options);
  return parse_text_list(read_file(path), path, options);
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
