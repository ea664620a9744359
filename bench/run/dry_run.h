// SPDX-License-Identifier: Apache-2.0
#pragma once

// What `permafrost tables` would do, without doing it: cells, what they need, what is missing, and
// a rough estimate of time and memory.
#include <cstdint>
#include <string>
#include <vector>

#include "bench/run/runner.h"

namespace permafrost {

struct DryCell {
  int table = 0;
  std::string row, column, encoder, task, protocol;
  int seeds = 0, done = 0;           // records wanted, records there
  std::vector<std::string> missing;  // reasons; nothing can be computed where there is one
  std::int64_t train = 0, test = 0;  // samples, all folds together; 0 where not known
  double core_hours = 0;             // of what is not done, by itself; 0 where not known
  double feature_bytes = 0;          // of a seed, where they are kept; 0 for fine-tuning
  std::vector<int> shards;           // that compute it, ascending; empty without --shard
};

// Of all cells together. A record that several tables show counts once, and so do the features that
// the cells of one encoder and task share.
struct DryTotal {
  int records = 0, done = 0, missing = 0;
  double core_hours = 0;
};

struct DryRun {
  std::string suite;
  std::vector<DryCell> cells;
  DryTotal total;
  std::vector<DryTotal> shards;  // of what can be computed; empty without --shard
  double largest_feature_bytes() const;
};

// Reads checkpoints and lists as the run would, computes and writes nothing. Throws as run_tables.
DryRun dry_run(const TablesOptions& options);

std::string to_markdown(const DryRun& run);
Json to_json(const DryRun& run);

}  // namespace permafrost
