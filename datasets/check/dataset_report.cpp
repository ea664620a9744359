// SPDX-License-Identifier: Apache-2.0
// The report of a dataset check, for people and for programs.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "common/nearest_name.h"
#include "datasets/check/dataset_check.h"
#include "datasets/lists/class_names.h"

namespace permafrost {
namespace {

// Longer lists are in the JSON file.
constexpr std::size_t kMostLines = 50;
constexpr std::size_t kMostCopies = 5;  // of one content, on one line

OrderedJson json_of(const FoundFile& file) {
  OrderedJson json = {{"list", file.list}, {"file", file.name}, {"line", file.line}};
  if (file.target.kind() == TargetKind::class_set)
    json["labels"] = file.target.labels();
  else
    json["label"] = file.target.label();
  if (!file.check.reason.empty()) json["reason"] = file.check.reason;
  return json;
}

OrderedJson json_of(const std::vector<FoundFile>& files) {
  OrderedJson json = OrderedJson::array();
  for (const auto& file : files) json.push_back(json_of(file));
  return json;
}

OrderedJson json_of(const Distribution& spread) {
  return {{"least", spread.least},
          {"median", spread.median},
          {"mean", spread.mean},
          {"most", spread.most},
          {"sum", spread.sum}};
}

std::string class_name(const DatasetReport& report, std::size_t k) {
  return class_name_of(report.class_names, static_cast<int>(k));
}

std::string fixed(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string spread_line(const char* what, const Distribution& spread, int digits) {
  return std::string(what) + fixed(spread.least, digits) + " to " + fixed(spread.most, digits) +
         ", median " + fixed(spread.median, digits) + ", mean " + fixed(spread.mean, digits) + "\n";
}

// The most frequent first.
std::string counts_line(const char* what, const std::map<std::string, std::int64_t>& counts) {
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [name, count] : counts) order.emplace_back(-count, name);
  std::sort(order.begin(), order.end());
  std::string line = what;
  for (std::size_t k = 0; k < std::min<std::size_t>(order.size(), 8); ++k)
    line += (k > 0 ? ", " : "") + order[k].second + " (" + std::to_string(-order[k].first) + ")";
  return line + (order.size() > 8 ? ", and " + std::to_string(order.size() - 8) + " more" : "") +
         "\n";
}

void add_files(std::string& text, const char* title, const std::vector<FoundFile>& files,
               bool with_frames = false) {
  if (files.empty()) return;
  text += "\n" + std::string(title) + " (" + std::to_string(files.size()) + ")\n";
  for (std::size_t k = 0; k < std::min(files.size(), kMostLines); ++k) {
    text += "  " + files[k].list + ":" + std::to_string(files[k].line) + "  " + files[k].name;
    if (with_frames) text += "  " + std::to_string(files[k].check.frames) + " frames";
    if (!files[k].check.reason.empty()) text += "  " + files[k].check.reason;
    text += "\n";
  }
  if (files.size() > kMostLines)
    text += "  ... and " + std::to_string(files.size() - kMostLines) + " more in the JSON report\n";
}

void add_duplicates(std::string& text, const std::vector<Duplicate>& duplicates) {
  if (duplicates.empty()) return;
  text += "\nof the same content (" + std::to_string(duplicates.size()) + ")\n";
  for (std::size_t k = 0; k < std::min(duplicates.size(), kMostLines); ++k) {
    text += "  ";
    const auto& files = duplicates[k].files;
    for (std::size_t f = 0; f < std::min(files.size(), kMostCopies); ++f)
      text += (f > 0 ? " = " : "") + files[f].list + ":" + files[f].name;
    if (files.size() > kMostCopies)
      text += " and " + std::to_string(files.size() - kMostCopies) + " more, " +
              std::to_string(files.size()) + " in all";
    if (duplicates[k].across_lists) text += "  IN BOTH LISTS";
    if (duplicates[k].across_labels) text += "  OF DIFFERENT LABELS";
    text += "\n";
  }
  if (duplicates.size() > kMostLines)
    text += "  ... and " + std::to_string(duplicates.size() - kMostLines) + " more\n";
}

void add_list(std::string& text, const ListReport& list, const DatasetReport& report) {
  text += "list " + list.name + ": " + list.path + "\n  " + std::to_string(list.entries) +
          " entries, " + std::to_string(list.found) + " found, " + std::to_string(list.whole) +
          " whole, " + std::to_string(list.damaged) + " damaged, " +
          std::to_string(list.unreadable) + " unreadable, " + std::to_string(list.missing) +
          " missing; coverage " + fixed(100 * list.coverage(), 3) + " %\n";
  if (list.released > 0) text += "  released: " + std::to_string(list.released) + "\n";
  text += "  hash of the list: " + list.identity + "\n";
  if (!list.left_out.empty())
    text += "  " + counts_line("left out, of other endings: ", list.left_out);
  if (list.class_sizes.empty()) return;
  std::vector<std::pair<std::int64_t, std::size_t>> order;
  for (std::size_t k = 0; k < list.class_sizes.size(); ++k)
    order.emplace_back(list.class_sizes[k], k);
  std::sort(order.begin(), order.end());
  const auto told = [&](const std::pair<std::int64_t, std::size_t>& one) {
    return class_name(report, one.second) + " (" + std::to_string(one.first) + ")";
  };
  text += "  " + std::to_string(order.size()) + " classes, from " + told(order.front()) + " to " +
          told(order.back()) + "\n";
}

std::string in_quotes(const std::string& field) {
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

}  // namespace

std::string whole_list(const Manifest& list, const ListReport& report) {
  std::set<std::int64_t> groups;
  bool has_labels = true;
  for (const auto& entry : list.entries) {
    if (entry.range.is_part()) return "";
    groups.insert(entry.group);
    has_labels = has_labels && (entry.label >= 0 || entry.label_set);
  }
  if (report.whole_entries.empty()) return "";
  const bool has_groups = groups.size() < list.entries.size();
  const bool has_sets = list.entries[0].label_set.has_value();
  std::string text = std::string("file") + (has_labels ? has_sets ? ",labels" : ",label" : "") +
                     (has_groups ? ",group" : "") + "\n";
  for (const std::size_t k : report.whole_entries) {
    const ManifestEntry& entry = list.entries[k];
    std::vector<std::string> labels;
    for (const int label : target_of(entry).labels()) {
      labels.push_back(class_name_of(list.class_names, label));
    }
    text += in_quotes(std::filesystem::absolute(entry.path).lexically_normal().string());
    if (has_labels)
      text += "," +
              (list.class_names.empty() && !has_sets ? labels[0] : in_quotes(joined(labels, ";")));
    if (has_groups) text += "," + std::to_string(entry.group);
    text += "\n";
  }
  return text;
}

OrderedJson to_json(const DatasetReport& report) {
  OrderedJson lists = OrderedJson::array(), duplicates = OrderedJson::array();
  for (const auto& list : report.lists) {
    OrderedJson labels = OrderedJson::array();
    for (std::size_t k = 0; k < list.class_sizes.size(); ++k)
      labels.push_back({{"name", class_name(report, k)}, {"files", list.class_sizes[k]}});
    OrderedJson json = {{"name", list.name},
                        {"path", list.path},
                        {"manifest_sha256", list.identity},
                        {"entries", list.entries},
                        {"found", list.found},
                        {"whole", list.whole},
                        {"damaged", list.damaged},
                        {"unreadable", list.unreadable},
                        {"missing", list.missing},
                        {"coverage", list.coverage()}};
    json["released"] = list.released > 0 ? OrderedJson(list.released) : OrderedJson(nullptr);
    json["left_out"] = list.left_out;
    json["labels"] = labels;
    lists.push_back(std::move(json));
  }
  for (const auto& duplicate : report.duplicates)
    duplicates.push_back({{"sha256", duplicate.sha256},
                          {"files", json_of(duplicate.files)},
                          {"in_both_lists", duplicate.across_lists},
                          {"of_different_labels", duplicate.across_labels}});
  return {{"schema", 1},
          {"wrong", report.wrong},
          {"lists", lists},
          {"classes", report.classes},
          {"images", report.images},
          {"videos", report.videos},
          {"bytes", report.bytes},
          {"frames", json_of(report.frames)},
          {"seconds", json_of(report.seconds)},
          {"frames_a_second", json_of(report.rates)},
          {"sizes", report.sizes},
          {"codecs", report.codecs},
          {"least_frames", report.least_frames},
          {"missing", json_of(report.missing)},
          {"unreadable", json_of(report.unreadable)},
          {"damaged", json_of(report.damaged)},
          {"short", json_of(report.short_videos)},
          {"duplicates", duplicates}};
}

std::string to_text(const DatasetReport& report) {
  std::string text;
  for (const auto& list : report.lists) add_list(text, list, report);
  text += std::to_string(report.videos) + " videos, " + std::to_string(report.images) +
          " images, " + fixed(static_cast<double>(report.bytes) / 1e6, 1) + " MB\n";
  if (report.videos > 0) {
    text += spread_line("frames    ", report.frames, 0);
    text += spread_line("seconds   ", report.seconds, 2);
    text += spread_line("frames/s  ", report.rates, 2);
    text += "together  " + fixed(report.seconds.sum / 3600, 2) + " hours\n";
  }
  if (!report.sizes.empty()) {
    text += counts_line("sizes     ", report.sizes);
    text += counts_line("codecs    ", report.codecs);
  }
  add_files(text, "missing", report.missing);
  add_files(text, "unreadable", report.unreadable);
  add_files(text, "damaged", report.damaged);
  add_files(text, "short", report.short_videos, true);
  add_duplicates(text, report.duplicates);
  text += report.wrong.empty() ? "\nnothing is wrong\n" : "\nwrong:\n";
  for (const auto& sentence : report.wrong) text += "  " + sentence + "\n";
  return text;
}

}  // namespace permafrost
