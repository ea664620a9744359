// SPDX-License-Identifier: Apache-2.0
#pragma once

// The record: the JSON file that one seed of a cell leaves behind, with everything needed to check
// or repeat it, and its predictions, one line a sample.
//
//   OUT/records/<key>.json        schema permafrost.record.1
//   OUT/predictions/<key>.csv     sample,label,prediction,group; for mAP one more column, scores
//
// The key is a hash over what decides the number (law 1). A record is never believed: reading it
// recomputes the key from its fields and the value from its predictions.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/records/build_info.h"
#include "bench/statistics/statistics.h"
#include "common/json/json_object.h"
#include "datasets/tasks/task.h"

namespace permafrost {

inline constexpr const char* kRecordSchema = "permafrost.record.1";
// Raised whenever the program gives another number for the same inputs; part of every key.
inline constexpr int kEvaluationVersion = 1;

struct Prediction {
  std::string sample;  // name in its source
  int label = 0;
  int predicted = -1;  // -1: could not be read, counts as wrong
  std::int64_t group = 0;
  // One a class, where the metric needs them; empty too where the sample could not be read.
  std::vector<float> scores = {};
  bool operator==(const Prediction&) const = default;
};

struct Failure {
  std::string sample, reason;
  bool operator==(const Failure&) const = default;
};

// A place in a table that shows this cell.
struct CellUse {
  int table = 0;
  std::string row, column;
  std::optional<double> paper;  // the published number, percent
  bool operator==(const CellUse&) const = default;
};

// How the candidate was chosen in one fold; empty for fine-tuning.
struct Selection {
  double learning_rate = 0;
  std::optional<double> weight_decay;     // where the protocol has several
  int neighbours = 0;                     // of knn; 0: another head
  std::vector<double> held_out_accuracy;  // share, one a candidate
};

// The random part of the training side that a low-shot probe was given.
struct TrainingSubset {
  std::int64_t samples = 0;  // of all folds
  std::string sha256;        // of their names, a line each, folds one after the other
  bool operator==(const TrainingSubset&) const = default;
};

struct EncoderIdentity {
  std::string name, source, sha256;
  Json spec;  // with the preprocessing: clip shape, mean, deviation
};

struct TaskIdentity {
  std::string name, manifest_sha256, identity;
  int version = 1, classes = 0;
  // No part of the key: the identity covers what lies here, and what was released changes nothing.
  std::optional<ListedSamples> listed;
};

// {"train", "test", "released_train", "released_test"}
OrderedJson to_json(const ListedSamples& listed);
// The key "samples" of `parent`, if it has one. Throws InputError.
std::optional<ListedSamples> read_listed(JsonObject& parent);

struct Record {
  std::vector<CellUse> used_by;  // at least one; the first is "table", "row", "column", "paper"
  EncoderIdentity encoder;
  TaskIdentity task;
  Json protocol;  // {"name", "kind": "probe" | "finetune", ...}; the name is not part of the key
  std::uint64_t seed = 1;
  Metric metric = Metric::top1;  // of the task; decided by its identity
  int evaluation_version = kEvaluationVersion;
  std::vector<Prediction> predictions;
  std::vector<Failure> failures;
  // Of samples that are only trained on: they were left out. No part of the coverage.
  std::vector<Failure> training_failures;
  std::vector<Selection> selections;  // one a fold
  // Low-shot: seeds of the cell are then splits, and its spread is one over splits (law 6).
  std::optional<TrainingSubset> training;
  double encode_seconds = 0, train_seconds = 0, evaluate_seconds = 0;
  int threads = 1;
  BuildInfo build;
  std::string finished;  // UTC, "2026-01-31T12:00:00Z"; empty in records from before it was kept

  // Follow from the rest.
  std::string key;
  double value = 0;  // percent
  Interval ci95;     // bootstrap over samples, or over groups where samples share one
  std::int64_t n() const { return static_cast<std::int64_t>(predictions.size()); }
  std::int64_t n_failed() const;
  double coverage() const;  // share of the samples that could be read
};

// SHA-256 over encoder hash and spec, task identity, protocol, seed and evaluation version.
std::string key_of(const Record& record);

// Fills key, value and ci95 from the rest.
void complete(Record& record);
// Value and ci95 alone, from metric and predictions.
void measure(Record& record);

// In percent, their mean is the value: 100 or 0 for right or wrong; for mAP see
// average_precision_values.
std::vector<double> scores_of(const Record& record);
// Groups of the samples in order; empty when each is its own.
std::vector<std::int64_t> groups_of(const Record& record);

std::filesystem::path record_path(const std::filesystem::path& out, const std::string& key);
std::filesystem::path predictions_path(const std::filesystem::path& out, const std::string& key);

// Predictions first, then the record that names them, both atomically: a record that is there is
// whole. `record` must be complete.
void write_record(const std::filesystem::path& out, const Record& record);

// Throws InputError naming the file for what is missing, damaged, foreign (another key or schema)
// or does not agree with its predictions.
Record read_record(const std::filesystem::path& out, const std::string& key);
// Its `used_by` alone, at a small part of the cost: nothing else of it is checked.
std::vector<CellUse> read_uses(const std::filesystem::path& out, const std::string& key);
// Every record under OUT/records, in order of file name. Throws as read_record, and for a folder
// that is not there.
std::vector<Record> read_records(const std::filesystem::path& out);

// A record whose predictions may be gone (a baseline that keeps the numbers only): value and ci95
// are then what the file says, and n() is 0.
struct StoredRecord {
  Record record;
  bool has_predictions = true;
};

// As read_record; predictions that are there are believed as little as by it.
StoredRecord read_stored_record(const std::filesystem::path& out, const std::string& key);
// Of every file under OUT/records, in order. Throws InputError for a folder that is not there.
std::vector<std::string> record_keys(const std::filesystem::path& out);
std::vector<StoredRecord> read_stored_records(const std::filesystem::path& out);

OrderedJson to_json(const Record& record);

const char* name_of(Metric metric);       // "top1", "mAP": as records have it
const char* described_as(Metric metric);  // "top-1 accuracy", "mean average precision"

// RFC 4180: quotes where the text needs them.
std::string csv_field(const std::string& text);

}  // namespace permafrost
