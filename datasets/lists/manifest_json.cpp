// SPDX-License-Identifier: Apache-2.0
// Lists in JSON: Something-Something's, Diving-48's and whatever names its fields like them.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/json/json_object.h"
#include "datasets/lists/manifest_builder.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

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

}  // namespace

Manifest parse_json_list(const std::string& text, const fs::path& path,
                         const ManifestOptions& options) {
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
    if (!item.is_object()) throw InputError(where, "", "an object", item.type_name());
    const auto name = field(item, {"path", "file", "video", "id", "vid_name"}, where);
    if (!name) {
      throw InputError(where, "path", "a file under path, file, video, id or vid_name", "none");
    }
    ManifestRow row{.path = *name};
    if (options.multi_label)
      row.labels = label_set(item, where);
    else if (const auto given = field(item, {"template"}, where))
      row.label = without_brackets(*given);
    else if (!options.labels_ignored)
      row.label = field(item, {"label", "class"}, where);
    row.group = field(item, {"group"}, where);
    if (!options.split.empty()) {
      const auto split = field(item, {"split"}, where);
      if (!split)
        throw InputError(where, "split",
                         "a split, as " + quoted(options.split) + " alone is asked for", "none");
      if (*split != options.split) continue;
    }
    builder.add(row, line);
  }
  if (builder.empty())
    throw InputError(path.string(), "",
                     options.split.empty()
                         ? "at least one object"
                         : "at least one object of split " + quoted(options.split),
                     "none");
  return builder.finish();
}

}  // namespace permafrost
