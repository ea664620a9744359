// SPDX-License-Identifier: Apache-2.0
#pragma once

// The cells of a plan, dealt to shards. Cells that share features stay together, as these would
// otherwise be encoded by several shards. What shares nothing to speak of is dealt cell by cell:
// fine-tuning, and probes that see new views in every epoch and so encode for themselves.
#include <cstdint>
#include <string>
#include <vector>

#include "bench/run/plan.h"
#include "bench/run/shards.h"

namespace permafrost {

struct DealtCells {
  std::vector<std::size_t> cells;  // of the plan
  ShardWork work;
  int shard = 0;
};

// All cells, whether they are done or not: so the split is the same however far the shards have
// come.
std::vector<DealtCells> deal_cells(const Plan& plan, int shards);

// Marks the cells of all other shards as `elsewhere`.
void keep_shard(Plan& plan, const WorkShard& shard);

// How a cell's group and what it is dealt with are called, the same in every process. `task` is the
// task's name in Plan::tasks.
std::string group_name(const std::string& encoder, const std::string& task, int clips,
                       const ProtocolChoice& protocol);
std::string dealt_name(const std::string& group, const ProtocolChoice& protocol,
                       std::uint64_t seed);
std::string group_of(const Plan& plan, const PlannedCell& cell);

}  // namespace permafrost
