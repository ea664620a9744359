// SPDX-License-Identifier: Apache-2.0
#include "bench/records/record_folder.h"

#include <algorithm>
#include <cmath>

#include "bench/records/predictions_file.h"
#include "bench/records/record_json.h"
#include "common/error.h"
#include "common/files/files.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

// The fields of a record's file; leaves unread what follows from predictions.
Record read_fields(JsonObject& object, const std::string& where, const std::string& key) {
  Record record = read_record_fields(object, where);
  const std::string named = object.text("key");
  record.key = key_of(record);
  if (named != record.key || key != record.key)
    throw InputError(where, "key", quoted(record.key) + " by its fields",
                     quoted(named == record.key ? key : named));
  return record;
}

Interval read_interval(JsonObject& object, const std::string& where) {
  const auto ci95 = object.numbers("ci95");
  if (ci95.size() != 2) throw InputError(where, "ci95", "two numbers", std::to_string(ci95.size()));
  return {ci95[0], ci95[1]};
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
  const Interval ci95 = read_interval(object, where);
  same("ci95", ci95.low, record.ci95.low);
  same("ci95", ci95.high, record.ci95.high);
}

}  // namespace

fs::path record_path(const fs::path& out, const std::string& key) {
  return out / "records" / (key + ".json");
}

fs::path predictions_path(const fs::path& out, const std::string& key) {
  return out / "predictions" / (key + ".csv");
}

void write_record(const fs::path& out, const Record& record) {
  write_file_atomically(predictions_path(out, record.key), predictions_csv(record));
  write_file_atomically(
      record_path(out, record.key),
      to_json(record).dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

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
  const Measure& measure = *stored.record.measure;
  stored.record.value = object.number("value", {}, measure.lowest(), measure.highest());
  stored.record.ci95 = read_interval(object, where);
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

}  // namespace permafrost
