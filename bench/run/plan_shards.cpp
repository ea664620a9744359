// SPDX-License-Identifier: Apache-2.0
#include "bench/run/plan_shards.h"

#include "bench/run/group_work.h"

namespace permafrost {
namespace {

// Of its own: a task is opened once for every clip shape and view, which its name has.
std::string name_in(const Plan& plan, const PlannedGroup& group) {
  std::string task;
  for (const auto& [name, opened] : plan.tasks)
    if (&opened == group.task) task = name;
  return group.encoder + ", " + task + ", " + std::to_string(group.clips) +
         (group.is_finetune ? ", fine-tuned" : ", frozen");
}

}  // namespace

std::vector<DealtGroup> deal_groups(const Plan& plan, int shards) {
  std::vector<DealtGroup> out;
  std::vector<ShardWork> works;
  for (auto& group : all_groups(plan)) {
    works.push_back({name_in(plan, group), units_of(plan, group).total()});
    out.push_back({std::move(group), works.back()});
  }
  const auto shard_of = dealt(works, shards);
  for (std::size_t g = 0; g < out.size(); ++g) out[g].shard = shard_of[g];
  return out;
}

void keep_shard(Plan& plan, const WorkShard& shard) {
  for (const auto& dealt : deal_groups(plan, shard.count))
    for (const auto cell : dealt.group.cells)
      plan.cells[cell].elsewhere = dealt.shard != shard.index;
}

}  // namespace permafrost
