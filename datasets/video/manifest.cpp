// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/manifest.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/error.h"
#include "common/files.h"
#include "common/hash.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

// What a line says, before it is checked.
struct Row {
  std::string path;
  std::optional<std::string> label;
  std::optional<std::string> group;
};

// Where the columns stand; read from a header line.
struct Header {
  char separator = ',';  // ',' or '\t', or ' ' for runs of blanks
  std::size_t fields = 0;
  std::size_t path = 0;
  std::optional<std::size_t> label;
  std::optional<std::size_t> group;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
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

std::vector<std::string> fields_of(std::string_view line, char separator) {
  std::vector<std::string> fields;
  std::size_t begin = 0;
  bool in_quotes = false;
  for (std::size_t k = 0; k <= line.size(); ++k) {
    if (k < line.size() && line[k] == '"') in_quotes = !in_quotes;
    const bool blank = separator == ' ' && k < line.size() && (line[k] == ' ' || line[k] == '\t');
    if (k < line.size() && (in_quotes || (line[k] != separator && !blank))) continue;
    if (separator != ' ' || k > begin) fields.push_back(unquoted(line.substr(begin, k - begin)));
    begin = k + 1;
  }
  return fields;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > INT32_MAX) {
    return std::nullopt;
  }
  return value;
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return text;
}

std::optional<Header> header_of(std::string_view line) {
  Header header;
  header.separator = line.find(',') != std::string_view::npos    ? ','
                     : line.find('\t') != std::string_view::npos ? '\t'
                                                                 : ' ';
  const std::vector<std::string> fields = fields_of(line, header.separator);
  header.fields = fields.size();
  std::optional<std::size_t> path;
  for (std::size_t k = 0; k < fields.size(); ++k) {
    if (whole_number(fields[k])) return std::nullopt;
    const std::string name = lower(fields[k]);
    if (!path && (name == "path" || name == "file" || name == "video")) path = k;
    if (!header.label && (name == "label" || name == "class")) header.label = k;
    if (!header.group && name == "group") header.group = k;
  }
  if (!path) return std::nullopt;
  header.path = *path;
  return header;
}

Row row_under_header(std::string_view line, const Header& header, const std::string& where) {
  const std::vector<std::string> fields = fields_of(line, header.separator);
  if (fields.size() != header.fields) {
    throw InputError(where, "columns", std::to_string(header.fields) + " as in the header",
                     std::to_string(fields.size()), "a path that holds a separator needs quotes");
  }
  Row row{.path = fields[header.path]};
  if (header.label) row.label = fields[*header.label];
  if (header.group) row.group = fields[*header.group];
  return row;
}

// The last separator outside of quotes parts path and label.
Row row_without_header(std::string_view line, bool labels_required) {
  std::size_t cut = std::string_view::npos;
  bool in_quotes = false;
  for (std::size_t k = 0; k < line.size(); ++k) {
    if (line[k] == '"') in_quotes = !in_quotes;
    if (!in_quotes && (line[k] == ',' || line[k] == ' ' || line[k] == '\t')) cut = k;
  }
  if (cut == std::string_view::npos) return {.path = unquoted(line)};
  std::string label = unquoted(line.substr(cut + 1));
  if (!labels_required && !whole_number(label)) return {.path = unquoted(line)};
  std::string_view path = trimmed(line.substr(0, cut));
  if (!path.empty() && path.back() == ',' && line[cut] != ',') path.remove_suffix(1);  // "a.mp4, 3"
  return {.path = unquoted(path), .label = std::move(label)};
}

int label_of(const std::optional<std::string>& text, const ManifestOptions& options,
             const std::string& where) {
  if (!text || text->empty()) {
    if (!options.labels_required) return -1;
    throw InputError(where, "label", "a label after the path", "none");
  }
  const std::vector<std::string>& names = options.class_names;
  const auto named = std::find(names.begin(), names.end(), *text);
  if (named != names.end()) return static_cast<int>(named - names.begin());
  const auto number = whole_number(*text);
  if (names.empty() && number) return static_cast<int>(*number);
  if (names.empty()) throw InputError(where, "label", "a whole number from 0", quoted(*text));
  if (number && *number < static_cast<std::int64_t>(names.size())) {
    return static_cast<int>(*number);
  }
  throw InputError(where, "label", "one of the classes " + joined(names), quoted(*text),
                   "did you mean " + quoted(nearest_name(*text, names)) + "?");
}

std::int64_t size_of_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || error) return -1;
  const auto bytes = fs::file_size(path, error);
  return error ? -1 : static_cast<std::int64_t>(bytes);
}

// Turns rows into entries; keeps what runs over the whole manifest.
class Builder {
 public:
  Builder(const fs::path& path, const ManifestOptions& options)
      : folder_(path.parent_path()), options_(options) {}

  void add(const Row& row, int line, const std::string& where) {
    if (row.path.empty()) throw InputError(where, "path", "a path", "none");
    ManifestEntry entry;
    entry.name = row.path;
    entry.path = fs::path(row.path).is_absolute() ? fs::path(row.path) : folder_ / row.path;
    entry.line = line;
    entry.label = label_of(row.label, options_, where);
    entry.bytes = size_of_file(entry.path);
    if (entry.bytes < 0 && options_.require_files) {
      throw InputError(where, "path", "an existing file", quoted(entry.path.string()));
    }
    entry.group = static_cast<std::int64_t>(manifest_.entries.size());
    if (row.group) {
      const auto next = static_cast<std::int64_t>(groups_.size());
      entry.group = groups_.try_emplace(*row.group, next).first->second;
    }
    hash(entry, row.group.value_or(std::to_string(entry.group)));
    largest_ = std::max(largest_, entry.label);
    manifest_.entries.push_back(std::move(entry));
  }

  Manifest finish() {
    const int named = static_cast<int>(options_.class_names.size());
    manifest_.classes = named > 0 ? named : largest_ + 1;
    manifest_.identity = hash_.hex();
    return std::move(manifest_);
  }

 private:
  void hash(const ManifestEntry& entry, const std::string& group) {
    const fs::path inside =
        entry.path.lexically_normal().lexically_relative(folder_.lexically_normal());
    const bool outside = inside.empty() || *inside.begin() == "..";
    const fs::path& named = outside && entry.path.is_absolute() ? entry.path : inside;
    hash_.add(named.generic_string() + '\t' + std::to_string(entry.label) + '\t' + group + '\t' +
              std::to_string(entry.bytes) + '\n');
  }

  fs::path folder_;
  const ManifestOptions& options_;
  Manifest manifest_;
  std::map<std::string, std::int64_t> groups_;
  Sha256 hash_;
  int largest_ = -1;
};

}  // namespace

Manifest read_manifest(const fs::path& path, const ManifestOptions& options) {
  const std::string text = read_file(path);
  if (text.find('\0') != std::string::npos) {
    throw InputError(path.string(), "", "a manifest of text lines", "binary data");
  }
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  Builder builder(path, options);
  std::optional<Header> header;
  bool first = true, any = false;
  for (int line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view content = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (content.empty() || content.front() == '#') continue;
    const std::string where = path.string() + ":" + std::to_string(line);
    if (std::exchange(first, false) && (header = header_of(content))) {
      if (!header->label && options.labels_required) {
        throw InputError(where, "header", "a column named label or class",
                         quoted(std::string(content)));
      }
      continue;
    }
    builder.add(header ? row_under_header(content, *header, where)
                       : row_without_header(content, options.labels_required),
                line, where);
    any = true;
  }
  if (!any) throw InputError(path.string(), "", "at least one line \"path label\"", "none");
  return builder.finish();
}

}  // namespace permafrost
