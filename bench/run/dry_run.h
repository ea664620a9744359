// SPDX-License-Identifier: Apache-2.0
#pragma once

// What `permafrost tables` would do, without doing it: cells, what they need, what is missing, and
// an estimate of time and memory, on a core of the kind that was measured or on a machine that is
// described (machine.h).
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/machines/machine.h"
#include "bench/run/runner.h"

namespace permafrost {

struct DryCell {
  int table = 0;
  std::string row, column, encoder, task, protocol;
  int seeds = 0, done = 0;           // records wanted, records there
  std::vector<std::string> missing;  // reasons; nothing can be computed where there is one
  // Samples, all folds together; of a task that is not there as its dataset was released, 0 where
  // that is not known.
  std::int64_t train = 0, test = 0;
  Work work;                 // of what is not done, by itself; nothing where it is not known
  double feature_bytes = 0;  // of a seed, where they are kept; 0 for fine-tuning
  bool streamed = false;     // the machine's memory is too small for that
  double device_bytes = 0;   // of a device while it computes; 0 where it is not known
  std::vector<int> shards;   // that compute it, ascending; empty without --shard
  double core_hours() const;
};

// Of several cells together. A record that several tables show counts once, and so do the clips and
// features that cells share.
struct DryTotal {
  int records = 0, done = 0, missing = 0;
  Work work;  // of what is neither done nor unknown; what is missing is counted
  double core_hours() const;
};

struct DryRun {
  std::string suite;
  std::vector<DryCell> cells;
  DryTotal total;
  // Each does what it does alone: what two shards share counts twice. What is missing is dealt as
  // if it were there. Empty without --shard.
  std::vector<DryTotal> shards;
  std::optional<Machine> machine;
  double largest_feature_bytes() const;
};

// Reads checkpoints and lists as the run would, computes and writes nothing. Throws as run_tables.
DryRun dry_run(const TablesOptions& options, const std::optional<Machine>& machine = {});

std::string to_markdown(const DryRun& run);
Json to_json(const DryRun& run);

}  // namespace permafrost
