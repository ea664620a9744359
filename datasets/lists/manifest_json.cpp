// SPDX-License-Identifier: Apache-2.0
// Lists in JSON and JSON Lines: Something-Something's, Diving-48's and whatever names its fields
// like them.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/json/json_object.h"
#include "datasets/lists/manifest_builder.h"
#include "datasets/lists/text_line.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

const std::vector<const char*> kPathKeys{
    "path",       "file",       "video", "filename",   "filepath",   "file_path", "file_name",
    "video_path", "video_name", "image", "image_path", "image_name", "id",        "vid_name"};

// The first of the keys that is there, as text; numbers are written out.
std::optional<std::string> field(const Json& item, const std::vector<const char*>& keys,
                                 const std::string& where) {
  for (const char* key : keys) {
    const auto it = item.find(key);
    if (it == item.end() || it->is_null()) continue;
    if (it->is_string()) return it->get<std::string>();
    if (it->is_number_integer()) return it->dump();
    throw InputError(
        where, key, "a text or a whole number", quoted(it->dump()),
        it->is_array() ? "\"multi_label\": true of the task reads several labels" : "");
  }
  return std::nullopt;
}

// Several labels a sample: an array of texts and whole numbers, or one of them.
std::vector<std::string> label_set(const Json& item, const std::string& where) {
  for (const char* key : {"labels", "label", "class"}) {
    const auto it = item.find(key);
    if (it == item.end() || it->is_null()) continue;
    const Json list = it->is_array() ? *it : Json::array({*it});
    std::vector<std::string> labels;
    for (const auto& one : list) {
      if (!one.is_string() && !one.is_number_integer())
        throw InputError(where, key, "texts or whole numbers", quoted(one.dump()));
      labels.push_back(one.is_string() ? one.get<std::string>() : one.dump());
    }
    return labels;
  }
  return {};
}

// "Holding [something]" -> "Holding something".
std::string without_brackets(std::string text) {
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
  return text;
}

// Of one object; nothing for one of another split.
std::optional<ManifestRow> row_of(const Json& item, const ManifestOptions& options,
                                  const std::string& where) {
  if (!item.is_object()) throw InputError(where, "", "an object", item.type_name());
  const auto name = field(item, kPathKeys, where);
  if (!name)
    throw InputError(where, "path", "a file under path, file, video, file_name, id or vid_name",
                     "none");
  ManifestRow row{.path = *name};
  if (options.multi_label)
    row.labels = label_set(item, where);
  else if (const auto given = field(item, {"template"}, where))
    row.label = without_brackets(*given);
  else if (!options.labels_ignored)
    row.label = field(item, {"label", "class", "label_name", "class_name", "category"}, where);
  row.group = field(item, {"group"}, where);
  if (options.split.empty()) return row;
  const auto split = field(item, {"split"}, where);
  if (!split)
    throw InputError(where, "split", "a split, as " + quoted(options.split) + " alone is asked for",
                     "none");
  return *split == options.split ? std::optional(row) : std::nullopt;
}

Manifest finished(ManifestBuilder& builder, const fs::path& path, const ManifestOptions& options) {
  if (builder.empty())
    throw InputError(path.string(), "",
                     options.split.empty()
                         ? "at least one object"
                         : "at least one object of split " + quoted(options.split),
                     "none");
  return builder.finish();
}

std::string_view next_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

// An object a line, as metadata.jsonl of Hugging Face's datasets.
Manifest parse_json_lines(std::string_view text, const fs::path& path,
                          const ManifestOptions& options) {
  const auto where_of = [&](int line) { return path.string() + ":" + std::to_string(line); };
  ManifestBuilder builder(options, path.parent_path(), where_of);
  for (int line = 1; !text.empty(); ++line) {
    const std::string_view content = next_line(text);
    if (content.empty()) continue;
    const auto row =
        row_of(parse_json(std::string(content), where_of(line)), options, where_of(line));
    if (row) builder.add(*row, line);
  }
  return finished(builder, path, options);
}

}  // namespace

bool is_json_lines(std::string_view text) {
  std::string_view first;
  while (first.empty() && !text.empty()) first = next_line(text);
  if (!first.starts_with('{') || !first.ends_with('}')) return false;
  const Json json = Json::parse(first, nullptr, false);
  if (!json.is_object()) return false;
  std::string_view second;
  while (second.empty() && !text.empty()) second = next_line(text);
  // One object alone is a task or a dataset, unless it names a file.
  if (!second.empty()) return second.starts_with('{');
  return std::any_of(kPathKeys.begin(), kPathKeys.end(), [&](const char* key) {
    return json.contains(key) && json.at(key).is_string();
  });
}

Manifest parse_json_list(const std::string& text, const fs::path& path,
                         const ManifestOptions& options) {
  if (is_json_lines(text)) return parse_json_lines(text, path, options);
  const Json list = parse_json(text, path.string());
  if (!list.is_array()) {
    throw InputError(path.string(), "", "a list of objects such as {\"id\": ..., \"label\": ...}",
                     list.type_name());
  }
  const auto where_of = [&](int line) { return path.string() + ":/" + std::to_string(line - 1); };
  ManifestBuilder builder(options, path.parent_path(), where_of);
  int line = 0;
  for (const Json& item : list) {
    const std::string where = where_of(++line);
    const auto row = row_of(item, options, where);
    if (row) builder.add(*row, line);
  }
  return finished(builder, path, options);
}

}  // namespace permafrost
