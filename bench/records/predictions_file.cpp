// SPDX-License-Identifier: Apache-2.0
#include "bench/records/predictions_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/error.h"
#include "common/files/csv.h"
#include "common/files/files.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

// Columns of the file. Of a target its class is written, or its classes; no box.
std::vector<std::string> columns_of(const Record& record) {
  const bool sets = record.target == TargetKind::class_set;
  std::vector<std::string> columns{"sample", sets ? "labels" : "label", "prediction", "group"};
  if (record.measure->needs_scores()) columns.emplace_back("scores");
  return columns;
}

// Shortest texts that give the same numbers again, parted by blanks.
std::string scores_text(const std::vector<float>& scores) {
  std::string text;
  for (const float score : scores) {
    char buffer[32];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, score);
    text += (text.empty() ? "" : " ") + std::string(buffer, end);
  }
  return text;
}

std::vector<float> read_scores(const std::string& text, const std::string& where) {
  std::vector<float> scores;
  for (const char* at = text.data(); at != text.data() + text.size();) {
    float value = 0;
    const auto [end, error] = std::from_chars(at, text.data() + text.size(), value);
    if (error != std::errc{} || !std::isfinite(value))
      throw InputError(where, "scores", "finite numbers parted by blanks", quoted(text));
    scores.push_back(value);
    at = end;
    if (at != text.data() + text.size() && *at == ' ') ++at;
  }
  return scores;
}

std::int64_t whole(const std::string& text, const std::string& where, const char* field) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size())
    throw InputError(where, field, "a whole number", quoted(text));
  return value;
}

// "3", "-1" of none, and "3 7" of a set of classes.
std::string target_text(const Target& target) {
  if (target.kind() != TargetKind::class_set) return std::to_string(target.label());
  std::string text;
  for (const int label : target.labels()) text += (text.empty() ? "" : " ") + std::to_string(label);
  return text;
}

Target read_target(const std::string& text, const Record& record, const std::string& where) {
  if (record.target != TargetKind::class_set) return static_cast<int>(whole(text, where, "label"));
  std::vector<int> labels;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    labels.push_back(static_cast<int>(whole(text.substr(begin, end - begin), where, "labels")));
    begin = end + 1;
  }
  return Target::of_set(std::move(labels));
}

// What the measure needs of a sample.
void require_scores(const Record& record, const Prediction& p, const std::string& where) {
  const std::size_t wanted = p.predicted < 0 ? 0 : static_cast<std::size_t>(record.task.classes);
  if (p.scores.size() != wanted)
    throw InputError(where, "scores", std::to_string(wanted) + " numbers",
                     std::to_string(p.scores.size()));
}

}  // namespace

std::string predictions_csv(const Record& record) {
  const bool scored = record.measure->needs_scores();
  std::string text = joined(columns_of(record), ",") + "\n";
  for (const auto& p : record.predictions)
    text += csv_field(p.sample) + "," + target_text(p.target) + "," + std::to_string(p.predicted) +
            "," + std::to_string(p.group) + (scored ? "," + scores_text(p.scores) : "") + "\n";
  return text;
}

std::vector<Prediction> read_predictions(const std::filesystem::path& path, const Record& record) {
  const auto rows = parse_csv(read_file(path));
  const auto columns = columns_of(record);
  if (rows.empty() || rows[0][0] != columns[0] || rows[0].size() != columns.size())
    throw InputError(path.string(), "header", quoted(joined(columns, ",")), "another");
  std::vector<Prediction> predictions;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const std::string where = path.string() + ": row " + std::to_string(r);
    const auto& row = rows[r];
    if (row.size() != columns.size())
      throw InputError(where, "", std::to_string(columns.size()) + " columns",
                       std::to_string(row.size()));
    Prediction p{.sample = row[0],
                 .target = read_target(row[1], record, where),
                 .predicted = static_cast<int>(whole(row[2], where, "prediction")),
                 .group = whole(row[3], where, "group")};
    if (record.measure->needs_scores()) {
      p.scores = read_scores(row[4], where);
      require_scores(record, p, where);
    }
    predictions.push_back(std::move(p));
  }
  return predictions;
}

}  // namespace permafrost
