// SPDX-License-Identifier: Apache-2.0
#pragma once

// From table specifications to records to tables: the one runner behind `permafrost tables`.
//
//   TablesOptions options{.tables = {1, 4}, .out = "out", .execution = {.threads = 2}};
//   const TablesResult result = run_tables(options);
//   for (const auto& table : result.tables) std::cout << to_markdown(table) << "\n";
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/records/build_info.h"
#include "bench/report/tables/table_report.h"
#include "bench/run/probe_features.h"
#include "bench/run/shards.h"
#include "common/machine/execution.h"
#include "probes/encode/encoding_clock.h"

namespace permafrost {

struct TablesOptions {
  std::vector<int> tables;  // none: all that the suite is made for
  std::string suite = "pico";
  std::filesystem::path out = "out";
  std::string data;             // folder of real data; empty: see data_folder()
  std::filesystem::path paths;  // see with_paths(); empty: none
  int seeds = 0;                // 0: the suite's number; from execution.seed on
  // Samples encoded together; 0: as fitting_batch() says. Changes no number but by rounding.
  std::int64_t batch = 0;
  FeatureStore features = FeatureStore::automatic;  // changes no number
  // Where kept features outlive the run, see feature_cache.h; empty: nowhere. Those of a run are
  // written where all of them fit into it, and taken wherever they are. Changes no number: the key
  // has the program's build and processor, and a program of changed sources ("-dirty") has no
  // cache.
  std::filesystem::path features_cache;
  double features_cache_bytes = 10e9;
  // Of clips, features and training together; 0: half of what is free. Changes no number.
  double memory_bytes = 0;
  bool quick = false;          // fewer samples and epochs, keys of its own
  bool fresh = false;          // records that are there are not looked at
  std::filesystem::path from;  // records to begin with, see import_records(); empty: none
  double verify = 0;           // share of the cells taken from records that is computed once more
  // Where curves of the training of probes go, for TensorBoard (event_file.h), a folder a fold;
  // empty: nowhere. Of cells that are computed alone.
  std::filesystem::path tensorboard;
  // Computes the cells of one shard and writes their records, predictions and heads, nothing else:
  // no table, and nothing about records of others. Several shards may run at once; a run without a
  // shard then makes the tables. Excludes `fresh` and `verify`.
  std::optional<WorkShard> shard;
  // Ranks that compute every cell together: each encodes its batches, fine-tunes its gradient
  // shards and tests its samples; the first reads and writes `out` and makes the tables. Numbers
  // are those of one process. Excludes `shard` and `verify`. Null: one process.
  ProcessGroup* group = nullptr;
  bool keep_heads = false;  // writes trained heads, see head_path; computes what has none
  // Called once a table, one at a time, as soon as all of its cells are there (or given up).
  std::function<void(const TableModel&)> table_done = {};
  // Told are records that were damaged, and rows and columns that are not available.
  Execution execution;
};

// The suite of the options, with the user's paths (`data` is set where these name a folder) and,
// where asked for, quick.
Suite suite_for(const TablesOptions& options, std::string& data);
// The tables asked for, as the suite has them.
std::vector<TableSpec> tables_for(const TablesOptions& options, const Suite& suite);

// Throws InputError for options that exclude each other.
void require_agreement(const TablesOptions& options);

// A cell taken from a record that was computed once more; see verification.h.
struct VerifiedCell {
  std::string name;
  double recorded = 0, computed = 0;
  Interval ci95;                          // as recorded
  std::int64_t n = 0, other_answers = 0;  // samples, and those whose prediction differs
  // Whether the number lies in the recorded interval.
  bool holds() const { return ci95.low <= computed && computed <= ci95.high; }
};

// What a flag --features-cache says: a folder, "off" (an empty path), or nothing: the default.
std::filesystem::path features_cache_named(const std::string& flag);

struct TablesResult {
  std::vector<TableModel> tables;  // in the order asked for; empty on ranks but the first
  int computed = 0, reused = 0;    // cells (one a seed)
  int elsewhere = 0;               // cells of other shards
  std::vector<VerifiedCell> verified;
  std::vector<std::string> failed;  // cells that could not be computed, and why
  EncodingSeconds encoding;         // of this process; how long the device waited for clips
  double seconds = 0;
};

// Computes what has no valid record and writes records, predictions and the tables
// (tableN.md|csv|json|tex|svg) under `out`. Features are computed once for every encoder, task and
// number of clips. Killing it loses the cells in flight. An encoder or data set that is not there
// makes its row or column "not available", as does a cell whose training diverged; a damaged file
// throws InputError, as does a folder that another run or shard has (FolderLock).
TablesResult run_tables(const TablesOptions& options);

// The same for specifications in memory; writes records, but no table files. options.suite, .tables
// and .quick are not looked at.
TablesResult run_specs(const TablesOptions& options, const Suite& suite,
                       const std::vector<TableSpec>& tables);

}  // namespace permafrost
