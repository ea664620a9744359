// SPDX-License-Identifier: Apache-2.0
#pragma once

// The record: what one seed of a cell leaves behind, with everything needed to check or repeat it.
// Its files are those of record_folder.h. The key is a hash over what decides the number (law 1).
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/records/build_info.h"
#include "bench/statistics/statistics.h"
#include "common/json/json_object.h"
#include "datasets/measures/measure.h"
#include "datasets/tasks/task.h"

namespace permafrost {

// Raised whenever the program gives another number for the same inputs; part of every key. Of
// frozen encoders, and of fine-tuned ones.
inline constexpr int kEvaluationVersion = 2;
inline constexpr int kFinetuningVersion = 3;

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

struct Record {
  std::vector<CellUse> used_by;  // at least one; the first is "table", "row", "column", "paper"
  EncoderIdentity encoder;
  TaskIdentity task;
  Json protocol;  // {"name", "kind": "probe" | "finetune", ...}; the name is not part of the key
  std::uint64_t seed = 1;
  // Of the task; decided by its identity.
  const Measure* measure = &default_measure();
  TargetKind target = TargetKind::clip_class;
  int evaluation_version = kEvaluationVersion;
  std::vector<Prediction> predictions;
  std::vector<Failure> failures;
  // Of samples that are only trained on: they were left out. No part of the coverage.
  std::vector<Failure> training_failures;
  // What makes the number doubtful, a sentence each: of the task (task_warnings.h), of the
  // features, of candidates that were dropped. Mostly none.
  std::vector<std::string> warnings;
  std::vector<Selection> selections;  // one a fold
  // Low-shot: seeds of the cell are then splits, and its spread is one over splits (law 6).
  std::optional<TrainingSubset> training;
  double encode_seconds = 0, train_seconds = 0, evaluate_seconds = 0;
  int threads = 1;
  BuildInfo build;
  std::string finished;  // UTC, "2026-01-31T12:00:00Z"; empty in records from before it was kept

  // Follow from the rest.
  std::string key;
  double value = 0;  // in the measure's unit
  Interval ci95;     // bootstrap over samples, or over groups where samples share one
  std::int64_t n() const { return static_cast<std::int64_t>(predictions.size()); }
  std::int64_t n_failed() const;
  double coverage() const;  // share of the samples that could be read
};

// SHA-256 over encoder hash and spec, task identity, protocol, seed and evaluation version.
std::string key_of(const Record& record);

// Fills key, value and ci95 from the rest.
void complete(Record& record);
// Value and ci95 alone, from measure and predictions.
void score(Record& record);

// What the measure says of every sample; their mean is the record's value.
std::vector<double> sample_values(const Record& record);
// Groups of the samples in order; empty when each is its own.
std::vector<std::int64_t> groups_of(const Record& record);

// The bootstrap interval of values of that measure, inside of what the measure can be.
Interval interval_over_samples(const Measure& measure, const std::vector<double>& values,
                               const std::vector<std::int64_t>& groups);
// Where the difference of two cells of that measure can lie.
Interval gap_range(const Measure& measure);

}  // namespace permafrost
