// SPDX-License-Identifier: Apache-2.0
#include "datasets/lists/text_line.h"

#include <algorithm>
#include <optional>
#include <system_error>

#include "common/error.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

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

bool is_class(const std::string& name, const ManifestOptions& options) {
  const auto& names = options.class_names;
  return std::find(names.begin(), names.end(), name) != names.end();
}

// By the last separator outside of quotes. Names of classes may hold blanks: where the label is no
// number, a comma or tab goes before blanks.
ManifestRow row_by_last_separator(std::string_view line, const ManifestOptions& options) {
  if (!options.separator.empty()) {
    const std::size_t cut = last_separator(line, {options.separator});
    if (cut == kNowhere) return {.path = unquoted(line)};
    return cut_at(line, cut, options.separator.size());
  }
  if (const std::size_t cut = last_separator(line, {"::"});
      cut != kNowhere && !holds_path(line.substr(cut + 2))) {
    return cut_at(line, cut, 2);
  }
  std::size_t cut = last_separator(line, {",", " "});
  if (cut == kNowhere && options.labels_required) cut = last_separator(line, {";"});
  if (cut == kNowhere) return {.path = unquoted(line)};
  ManifestRow row = cut_at(line, cut, 1);
  if (const std::size_t firm = last_separator(line, {",", "\t"}); firm != kNowhere && firm != cut) {
    ManifestRow other = cut_at(line, firm, 1);
    if (is_class(*other.label, options) || (options.name_classes && !label_number(*row.label)))
      return other;
  }
  if (!options.labels_required && !label_number(*row.label)) return {.path = unquoted(line)};
  return row;
}

std::vector<std::string> separators_of(const ManifestOptions& options) {
  if (!options.separator.empty()) return {options.separator};
  return {"::", ",", ";", " "};
}

// The width of the separator that stands at the begin of `rest`; 0 where there is none.
std::size_t separator_width(std::string_view rest, const std::vector<std::string>& separators) {
  for (const auto& separator : separators)
    if (separates(rest, separator)) return separator.size();
  return 0;
}

// Where the first part of the line that ends as a video or image ends.
std::size_t end_of_media(std::string_view line, const std::vector<std::string>& separators) {
  bool in_quotes = false;
  for (std::size_t k = 0; k < line.size(); ++k) {
    if (line[k] == '"') in_quotes = !in_quotes;
    if (in_quotes || separator_width(line.substr(k), separators) == 0) continue;
    if (is_media_path(unquoted(line.substr(0, k)))) return k;
  }
  return kNowhere;
}

// "3;7" or "3|7".
bool is_joined_numbers(const std::string& label) {
  const std::size_t joint = label.find_first_of(",;|+");
  return joint != std::string::npos && label.find_first_not_of("0123456789,;|+ ") == kNowhere &&
         label_number(label.substr(0, joint)).has_value();
}

// What stands behind a path: a label, or the number of frames and a label.
ManifestRow row_with_rest(const std::string& path, std::string_view rest, const ListPlace& place,
                          std::string_view line, const std::string& where) {
  const std::vector<std::string> separators = separators_of(place.options);
  const bool is_firm = !separates(rest, " ");
  while (!rest.empty() && separator_width(rest, separators) > 0)
    rest = trimmed(rest.substr(separator_width(rest, separators)));
  ManifestRow row{.path = path, .label = unquoted(rest)};
  if (is_class(*row.label, place.options)) return row;
  const std::string inner = !place.options.separator.empty()        ? place.options.separator
                            : is_firm && rest.find(',') != kNowhere ? ","
                            : is_firm && rest.find(';') != kNowhere ? ";"
                                                                    : " ";
  const std::vector<std::string> fields = fields_of(rest, inner);
  const bool all_numbers = std::all_of(fields.begin(), fields.end(), [](const auto& field) {
    return label_number(field).has_value();
  });
  if ((all_numbers && fields.size() > 2) || is_joined_numbers(*row.label))
    if (fields.size() != 2 || !all_numbers) refuse_several_labels(where, line);
  if (fields.size() == 2 && whole_number(fields[0])) {
    row.frames_told = whole_number(fields[0]).value_or(0);
    row.label = fields[1];
  } else if (fields.size() > 1 && inner != " " && rest.front() != '"') {
    throw InputError(where, "columns", "a path and a label", quoted(std::string(line)),
                     "a header line names further columns; a label that holds a separator needs "
                     "quotes");
  }
  return row;
}

bool is_there(const std::string& path, const ListPlace& place) {
  fs::path file = path;
  if (!place.options.extension.empty() && !is_media_path(file)) file += place.options.extension;
  std::error_code ignored;
  return !path.empty() && fs::exists(place.root / file, ignored);
}

// "1 a.mp4", "run,a.mp4" and "playing guitar a.mp4".
std::optional<ManifestRow> row_label_first(std::string_view line, const ListPlace& place) {
  const auto row = [&](std::size_t cut, std::size_t width) {
    return ManifestRow{.path = unquoted(line.substr(cut + width)),
                       .label = unquoted(line.substr(0, cut))};
  };
  std::vector<std::string> firm = separators_of(place.options);
  std::erase(firm, " ");
  if (firm.size() > 1) firm.emplace_back("\t");
  if (const std::size_t cut = last_separator(line, firm); cut != kNowhere)
    return row(cut, separator_width(line.substr(cut), firm));
  std::vector<std::size_t> blanks;
  for (std::size_t k = line.find_first_of(" \t"); k != kNowhere;
       k = line.find_first_of(" \t", k + 1))
    if (!is_media_path(unquoted(line.substr(0, k)))) blanks.push_back(k);
  if (blanks.empty()) return std::nullopt;
  if (blanks.size() == 1 || label_number(line.substr(0, blanks.front()))) return row(blanks[0], 1);
  for (const std::size_t cut : blanks)
    if (is_there(row(cut, 1).path, place)) return row(cut, 1);
  return std::nullopt;
}

// "v17 playing guitar" where there is a folder v17.
std::optional<ManifestRow> row_by_files(std::string_view line, const ListPlace& place,
                                        const std::string& where) {
  for (std::size_t k = line.find_first_of(" \t"); k != kNowhere;
       k = line.find_first_of(" \t", k + 1))
    if (const std::string path = unquoted(line.substr(0, k)); is_there(path, place))
      return row_with_rest(path, line.substr(k), place, line, where);
  return std::nullopt;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == kNowhere) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool is_comment(std::string_view line) {
  return line.starts_with('#') && (line.size() == 1 || kBlanks.find(line[1]) != kNowhere);
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

ManifestRow row_without_header(std::string_view line, const ListPlace& place,
                               const std::string& where) {
  const ManifestOptions& options = place.options;
  const ManifestRow row = row_by_last_separator(line, options);
  if (!options.labels_required) return row;
  if (is_media_path(row.path)) {
    if (row.label && is_joined_numbers(*row.label) && !is_class(*row.label, options))
      refuse_several_labels(where, line);
    return row;
  }
  const std::size_t end = end_of_media(line, separators_of(options));
  const bool label_first = end == kNowhere && row.label && is_media_path(*row.label);
  const bool has_words = options.separator.empty() && row.label && !label_number(*row.label) &&
                         row.path.find_first_of(" \t") != std::string::npos;
  if ((end == kNowhere && !label_first && !has_words) || is_there(row.path, place)) return row;
  if (end != kNowhere)
    return row_with_rest(unquoted(line.substr(0, end)), line.substr(end), place, line, where);
  const auto other = label_first ? row_label_first(line, place) : row_by_files(line, place, where);
  return other.value_or(row);
}

// The path is the line, or what stands before its last field or its last two: the first of these
// with an ending of videos or images; else the part of the line with such an ending; else all that
// stands before numbers, or before a separator that is no blank.
ManifestRow unlabelled_row(std::string_view line, const ManifestOptions& options) {
  const std::vector<std::string> separators = options.separator.empty()
                                                  ? std::vector<std::string>{"::", ",", " "}
                                                  : std::vector<std::string>{options.separator};
  std::string path = unquoted(line), before_numbers = path;
  std::string_view rest = line;
  bool only_numbers = true;
  for (int fields = 0; !is_media_path(path); ++fields) {
    const std::size_t cut = last_separator(rest, separators);
    if (fields == 2 || cut == kNowhere || cut == 0) {
      const std::size_t end = end_of_media(line, separators_of(options));
      return {.path = end == kNowhere ? before_numbers : unquoted(line.substr(0, end))};
    }
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

void refuse_several_labels(const std::string& where, std::string_view line) {
  throw InputError(
      where, "label", "one label a line, or the number of frames and a label",
      "several labels on a line: " + quoted(std::string(line)),
      "several labels a sample are read with \"multi_label\": true of the task, or --multi-label");
}

}  // namespace permafrost
