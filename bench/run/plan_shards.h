// SPDX-License-Identifier: Apache-2.0
#pragma once

// The groups of a plan, dealt to shards. The unit is the group, not the cell: cells of a group
// share features, which would otherwise be encoded by several shards.
#include <vector>

#include "bench/run/plan.h"
#include "bench/run/shards.h"

namespace permafrost {

struct DealtGroup {
  PlannedGroup group;
  ShardWork work;
  int shard = 0;
};

// All groups, whether their cells are done or not: so the split is the same however far the shards
// have come.
std::vector<DealtGroup> deal_groups(const Plan& plan, int shards);

// Marks the cells of all other shards as `elsewhere`.
void keep_shard(Plan& plan, const WorkShard& shard);

}  // namespace permafrost
