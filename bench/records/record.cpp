// SPDX-License-Identifier: Apache-2.0
#include "bench/records/record.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "bench/statistics/statistics_ranks.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/files/hash.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr const char* kHeader = "sample,label,prediction,group";
constexpr const char* kScores = ",scores";  // beside it, for Metric::mean_average_precision

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

OrderedJson paper_json(const std::optional<double>& paper) {
  return paper ? OrderedJson(*paper) : OrderedJson(nullptr);
}

std::optional<double> read_paper(JsonObject& object) {
  const Json* json = object.child("paper");
  if (json == nullptr || json->is_null()) return std::nullopt;
  if (!json->is_number()) throw InputError(object.where("paper"), "", "a number or null", "other");
  return json->get<double>();
}

std::string predictions_csv(const Record& record) {
  const bool scored = record.metric == Metric::mean_average_precision;
  std::string text = std::string(kHeader) + (scored ? kScores : "") + "\n";
  for (const auto& p : record.predictions)
    text += csv_field(p.sample) + "," + std::to_string(p.label) + "," +
            std::to_string(p.predicted) + "," + std::to_string(p.group) +
            (scored ? "," + scores_text(p.scores) : "") + "\n";
  return text;
}

// Rows of fields; quotes as in RFC 4180.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row(1);
  bool in_quotes = false;
  for (std::size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (c == '"' && in_quotes && k + 1 < text.size() && text[k + 1] == '"') {
      row.back() += '"';
      ++k;
    } else if (c == '"') {
      in_quotes = !in_quotes;
    } else if (c == ',' && !in_quotes) {
      row.emplace_back();
    } else if (c == '\n' && !in_quotes) {
      rows.push_back(std::move(row));
      row.assign(1, "");
    } else {
      row.back() += c;
    }
  }
  if (row.size() > 1 || !row[0].empty()) rows.push_back(std::move(row));
  return rows;
}

std::int64_t whole(const std::string& text, const std::string& where, const char* field) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size())
    throw InputError(where, field, "a whole number", quoted(text));
  return value;
}

// What the metric needs of a sample.
void require_scores(const Record& record, const Prediction& p, const std::string& where) {
  const std::size_t wanted = p.predicted < 0 ? 0 : static_cast<std::size_t>(record.task.classes);
  if (p.scores.size() != wanted)
    throw InputError(where, "scores", std::to_string(wanted) + " numbers",
                     std::to_string(p.scores.size()));
}

std::vector<Prediction> read_predictions(const fs::path& path, const Record& record) {
  const auto rows = parse_csv(read_file(path));
  const bool scored = record.metric == Metric::mean_average_precision;
  const std::size_t columns = scored ? 5 : 4;
  if (rows.empty() || csv_field(rows[0][0]) != "sample" || rows[0].size() != columns)
    throw InputError(path.string(), "header",
                     quoted(std::string(kHeader) + (scored ? kScores : "")), "another");
  std::vector<Prediction> predictions;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const std::string where = path.string() + ": row " + std::to_string(r);
    if (rows[r].size() != columns)
      throw InputError(where, "", std::to_string(columns) + " columns",
                       std::to_string(rows[r].size()));
    predictions.push_back({.sample = rows[r][0],
                           .label = static_cast<int>(whole(rows[r][1], where, "label")),
                           .predicted = static_cast<int>(whole(rows[r][2], where, "prediction")),
                           .group = whole(rows[r][3], where, "group")});
    if (!scored) continue;
    predictions.back().scores = read_scores(rows[r][4], where);
    require_scores(record, predictions.back(), where);
  }
  return predictions;
}

std::vector<CellUse> read_uses(const Json* json, const std::string& where) {
  if (json == nullptr || !json->is_array() || json->empty())
    throw InputError(where, "used_by", "an array of at least one place", "none");
  std::vector<CellUse> uses;
  for (const auto& item : *json) {
    JsonObject object(item, where + ":/used_by");
    CellUse use;
    use.table = static_cast<int>(object.integer("table", {}, 0, 1000));
    use.row = object.text("row");
    use.column = object.text("column");
    use.paper = read_paper(object);
    object.finish();
    uses.push_back(std::move(use));
  }
  return uses;
}

const Json& required(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  if (json == nullptr) throw InputError(object.where(key), "", "a value", "no such key");
  return *json;
}

void read_identities(JsonObject& object, Record& record) {
  JsonObject encoder(required(object, "encoder"), object.where("encoder"));
  record.encoder.name = encoder.text("name");
  record.encoder.source = encoder.text("source");
  record.encoder.sha256 = encoder.text("sha256");
  record.encoder.spec = required(encoder, "spec");
  encoder.finish();
  JsonObject task(required(object, "task"), object.where("task"));
  record.task.name = task.text("name");
  record.task.version = static_cast<int>(task.integer("version"));
  record.task.manifest_sha256 = task.text("manifest_sha256");
  record.task.identity = task.text("identity");
  record.task.classes = static_cast<int>(task.integer("classes", {}, 1, 1'000'000));
  record.task.listed = read_listed(task);
  task.finish();
  record.protocol = required(object, "protocol");
  JsonObject protocol(record.protocol, object.where("protocol"));
  protocol.text("name");
  protocol.choice("kind", {"probe", "finetune"});
}

void read_run(JsonObject& object, Record& record) {
  JsonObject time(required(object, "time"), object.where("time"));
  record.encode_seconds = time.number("encode");
  record.train_seconds = time.number("train");
  record.evaluate_seconds = time.number("evaluate");
  time.finish();
  record.threads = static_cast<int>(object.integer("threads"));
  JsonObject build(required(object, "build"), object.where("build"));
  record.build.version = build.text("version");
  record.build.commit = build.text("commit");
  record.build.libtorch = build.text("libtorch");
  record.build.device = build.text("device");
  record.build.processor = build.text("processor", "");
  build.finish();
  record.finished = object.text("finished", "");
}

std::vector<Failure> read_failures(const Json& json, const std::string& where) {
  std::vector<Failure> failures;
  for (const auto& item : json) {
    JsonObject failure(item, where);
    failures.push_back({failure.text("sample"), failure.text("reason")});
  }
  return failures;
}

OrderedJson failures_json(const std::vector<Failure>& failures) {
  OrderedJson json = OrderedJson::array();
  for (const auto& failure : failures)
    json.push_back({{"sample", failure.sample}, {"reason", failure.reason}});
  return json;
}

void read_lists(JsonObject& object, Record& record) {
  record.failures = read_failures(required(object, "failures"), object.where("failures"));
  if (const Json* json = object.child("training_failures"))
    record.training_failures = read_failures(*json, object.where("training_failures"));
  for (const auto& item : required(object, "selection")) {
    JsonObject selection(item, object.where("selection"));
    Selection chosen;
    chosen.learning_rate = selection.number("learning_rate", 0);
    if (selection.has("weight_decay")) chosen.weight_decay = selection.number("weight_decay");
    chosen.neighbours = static_cast<int>(selection.integer("neighbours", 0));
    chosen.held_out_accuracy = selection.numbers("held_out_accuracy");
    record.selections.push_back(std::move(chosen));
  }
}

void read_training(JsonObject& object, Record& record) {
  const Json* json = object.child("training");
  if (json == nullptr) return;
  object.choice("spread_over", {"splits"});
  JsonObject training(*json, object.where("training"));
  record.training =
      TrainingSubset{training.integer("samples", {}, 1), training.text("samples_sha256")};
  training.finish();
}

OrderedJson selection_json(const Selection& s) {
  OrderedJson json;
  if (s.neighbours > 0)
    json["neighbours"] = s.neighbours;
  else
    json["learning_rate"] = s.learning_rate;
  if (s.weight_decay) json["weight_decay"] = *s.weight_decay;
  json["held_out_accuracy"] = s.held_out_accuracy;
  return json;
}

// What the file says beside what follows from its predictions.
void require_agreement(JsonObject& object, const Record& record, const std::string& where) {
  const auto same = [&](const char* field, double found, double follows) {
    if (!(std::abs(found - follows) < 1e-6))
      throw InputError(where, field, std::to_string(follows) + " by its predictions",
                       std::to_string(found));
  };
  same("n", static_cast<double>(object.integer("n")), static_cast<double>(record.n()));
  same("n_failed", static_cast<double>(object.integer("n_failed")),
       static_cast<double>(record.n_failed()));
  same("value", object.number("value"), record.value);
  same("coverage", object.number("coverage"), record.coverage());
  const auto ci95 = object.numbers("ci95");
  if (ci95.size() != 2) throw InputError(where, "ci95", "two numbers", std::to_string(ci95.size()));
  same("ci95", ci95[0], record.ci95.low);
  same("ci95", ci95[1], record.ci95.high);
}

}  // namespace

std::int64_t Record::n_failed() const {
  return std::count_if(predictions.begin(), predictions.end(),
                       [](const Prediction& p) { return p.predicted < 0; });
}

double Record::coverage() const {
  return n() == 0 ? 0 : static_cast<double>(n() - n_failed()) / static_cast<double>(n());
}

std::optional<ListedSamples> read_listed(JsonObject& parent) {
  const Json* json = parent.child("samples");
  if (json == nullptr) return std::nullopt;
  JsonObject object(*json, parent.where("samples"));
  ListedSamples listed;
  for (const auto& [key, value] : {std::pair{"train", &listed.train},
                                   {"test", &listed.test},
                                   {"released_train", &listed.released_train},
                                   {"released_test", &listed.released_test}})
    *value = object.integer(key, {}, 0);
  object.finish();
  return listed;
}

OrderedJson to_json(const ListedSamples& listed) {
  return {{"train", listed.train},
          {"test", listed.test},
          {"released_train", listed.released_train},
          {"released_test", listed.released_test}};
}

std::string key_of(const Record& record) {
  Json protocol = record.protocol;
  if (protocol.is_object()) protocol.erase("name");
  const Json inputs{{"encoder", record.encoder.sha256},
                    {"spec", record.encoder.spec},
                    {"task", record.task.identity},
                    {"protocol", protocol},
                    {"seed", record.seed},
                    {"evaluation_version", record.evaluation_version}};
  return sha256_of(inputs.dump());  // nlohmann::json sorts its keys
}

std::vector<double> scores_of(const Record& record) {
  if (record.metric == Metric::mean_average_precision) {
    std::vector<std::vector<float>> scores;
    std::vector<int> classes;
    for (const auto& p : record.predictions) {
      scores.push_back(p.scores);
      classes.push_back(p.label);
    }
    auto values = average_precision_values(scores, classes);
    for (auto& value : values) value *= 100;
    return values;
  }
  std::vector<int> labels, predicted;
  for (const auto& p : record.predictions) {
    labels.push_back(p.label);
    predicted.push_back(p.predicted);
  }
  return scores_of(labels, predicted);
}

std::vector<std::int64_t> groups_of(const Record& record) {
  std::vector<std::int64_t> groups;
  std::set<std::int64_t> distinct;
  for (const auto& p : record.predictions) {
    groups.push_back(p.group);
    distinct.insert(p.group);
  }
  return distinct.size() == groups.size() ? std::vector<std::int64_t>{} : groups;
}

void complete(Record& record) {
  record.key = key_of(record);
  measure(record);
}

void measure(Record& record) {
  const auto scores = scores_of(record);
  record.value = mean_of(scores);
  record.ci95 = bootstrap_interval(scores, groups_of(record), kAccuracyRange);
  if (record.metric == Metric::mean_average_precision)
    record.ci95 = {std::max(0.0, record.ci95.low), std::min(100.0, record.ci95.high)};
}

fs::path record_path(const fs::path& out, const std::string& key) {
  return out / "records" / (key + ".json");
}

fs::path predictions_path(const fs::path& out, const std::string& key) {
  return out / "predictions" / (key + ".csv");
}

OrderedJson to_json(const Record& r) {
  OrderedJson uses = OrderedJson::array(), selection = OrderedJson::array();
  for (const auto& use : r.used_by)
    uses.push_back({{"table", use.table},
                    {"row", use.row},
                    {"column", use.column},
                    {"paper", paper_json(use.paper)}});
  for (const auto& s : r.selections) selection.push_back(selection_json(s));
  const CellUse first = r.used_by.empty() ? CellUse{} : r.used_by[0];
  const bool grouped = !groups_of(r).empty();
  OrderedJson json;
  json["schema"] = kRecordSchema;
  json["key"] = r.key;
  json["table"] = first.table;
  json["row"] = first.row;
  json["column"] = first.column;
  json["encoder"] = {{"name", r.encoder.name},
                     {"source", r.encoder.source},
                     {"sha256", r.encoder.sha256},
                     {"spec", r.encoder.spec}};
  json["task"] = {{"name", r.task.name},
                  {"version", r.task.version},
                  {"manifest_sha256", r.task.manifest_sha256},
                  {"identity", r.task.identity},
                  {"classes", r.task.classes}};
  if (r.task.listed) json["task"]["samples"] = to_json(*r.task.listed);
  json["protocol"] = r.protocol;
  json["seed"] = r.seed;
  json["evaluation_version"] = r.evaluation_version;
  json["metric"] = name_of(r.metric);
  json["value"] = r.value;
  json["n"] = r.n();
  json["n_failed"] = r.n_failed();
  json["failures"] = failures_json(r.failures);
  if (!r.training_failures.empty()) json["training_failures"] = failures_json(r.training_failures);
  json["coverage"] = r.coverage();
  json["ci95"] = {r.ci95.low, r.ci95.high};
  json["ci95_is"] = grouped ? "bootstrap over groups of samples" : "bootstrap over samples";
  json["paper"] = paper_json(first.paper);
  json["used_by"] = uses;
  json["predictions"] = "predictions/" + r.key + ".csv";
  json["selection"] = selection;
  if (r.training) {
    json["spread_over"] = "splits";
    json["training"] = {{"samples", r.training->samples}, {"samples_sha256", r.training->sha256}};
  }
  json["time"] = {
      {"encode", r.encode_seconds}, {"train", r.train_seconds}, {"evaluate", r.evaluate_seconds}};
  json["threads"] = r.threads;
  json["build"] = {{"version", r.build.version},
                   {"commit", r.build.commit},
                   {"libtorch", r.build.libtorch},
                   {"device", r.build.device}};
  if (!r.build.processor.empty()) json["build"]["processor"] = r.build.processor;
  if (!r.finished.empty()) json["finished"] = r.finished;
  return json;
}

void write_record(const fs::path& out, const Record& record) {
  write_file_atomically(predictions_path(out, record.key), predictions_csv(record));
  write_file_atomically(
      record_path(out, record.key),
      to_json(record).dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

namespace {

// `object` reads the record's file; leaves what follows from predictions unread.
Record read_fields(JsonObject& object, const std::string& where, const std::string& key) {
  object.choice("schema", {kRecordSchema});
  Record record;
  read_identities(object, record);
  record.seed = static_cast<std::uint64_t>(object.integer("seed", {}, 0));
  record.evaluation_version = static_cast<int>(object.integer("evaluation_version"));
  record.used_by = read_uses(object.child("used_by"), where);
  record.metric = object.choice("metric", {"top1", "mAP"}) == "mAP" ? Metric::mean_average_precision
                                                                    : Metric::top1;
  read_lists(object, record);
  read_training(object, record);
  read_run(object, record);
  for (const auto* known : {"table", "row", "column", "paper", "ci95_is", "predictions"})
    object.skip(known);
  const std::string named = object.text("key");
  record.key = key_of(record);
  if (named != record.key || key != record.key)
    throw InputError(where, "key", quoted(record.key) + " by its fields",
                     quoted(named == record.key ? key : named));
  return record;
}

}  // namespace

std::vector<std::string> record_keys(const fs::path& out) {
  const fs::path folder = out / "records";
  std::error_code failure;
  if (!fs::is_directory(folder, failure))
    throw InputError(folder.string(), "", "a folder of records", "no such folder");
  std::vector<std::string> keys;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (entry.path().extension() == ".json" && name[0] != '.')
      keys.push_back(entry.path().stem().string());
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

StoredRecord read_stored_record(const fs::path& out, const std::string& key) {
  std::error_code ignored;
  if (fs::exists(predictions_path(out, key), ignored)) return {read_record(out, key), true};
  const std::string where = record_path(out, key).string();
  const Json json = read_json(where);
  JsonObject object(json, where);
  StoredRecord stored{read_fields(object, where, key), false};
  stored.record.value = object.number("value", {}, 0, 100);
  const auto ci95 = object.numbers("ci95");
  if (ci95.size() != 2) throw InputError(where, "ci95", "two numbers", std::to_string(ci95.size()));
  stored.record.ci95 = {ci95[0], ci95[1]};
  for (const auto* known : {"n", "n_failed", "coverage"}) object.skip(known);
  object.finish();
  return stored;
}

Record read_record(const fs::path& out, const std::string& key) {
  const std::string where = record_path(out, key).string();
  const Json json = read_json(where);
  JsonObject object(json, where);
  Record record = read_fields(object, where, key);
  record.predictions = read_predictions(predictions_path(out, key), record);
  complete(record);
  require_agreement(object, record, where);
  object.finish();
  return record;
}

std::vector<CellUse> read_uses(const fs::path& out, const std::string& key) {
  const std::string where = record_path(out, key).string();
  const Json json = read_json(where);
  JsonObject object(json, where);
  return read_uses(object.child("used_by"), where);
}

std::vector<Record> read_records(const fs::path& out) {
  std::vector<Record> records;
  for (const auto& key : record_keys(out)) records.push_back(read_record(out, key));
  return records;
}

std::vector<StoredRecord> read_stored_records(const fs::path& out) {
  std::vector<StoredRecord> records;
  for (const auto& key : record_keys(out)) records.push_back(read_stored_record(out, key));
  return records;
}

const char* name_of(Metric metric) { return metric == Metric::top1 ? "top1" : "mAP"; }

const char* described_as(Metric metric) {
  return metric == Metric::top1 ? "top-1 accuracy" : "mean average precision";
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace permafrost
