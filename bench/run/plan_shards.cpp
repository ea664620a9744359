// SPDX-License-Identifier: Apache-2.0
#include "bench/run/plan_shards.h"

#include <map>

#include "bench/run/group_work.h"

namespace permafrost {
namespace {

// Most of what a probe with new views in every epoch encodes is its own.
bool shares_features(const ProtocolChoice& protocol) {
  return !protocol.is_finetune &&
         !(protocol.probe.augmentation.active() && protocol.probe.training_views == 0);
}

}  // namespace

std::string group_name(const std::string& encoder, const std::string& task, int clips,
                       const ProtocolChoice& protocol) {
  const std::string group = encoder + ", " + task + ", " + std::to_string(clips);
  if (protocol.is_finetune) return group + ", fine-tuned";
  const Precision precision = protocol.probe.precision;
  return group + ", frozen" +
         (precision == Precision::float32 ? "" : std::string(" in ") + name_of(precision));
}

std::string dealt_name(const std::string& group, const ProtocolChoice& protocol,
                       std::uint64_t seed) {
  if (shares_features(protocol)) return group;
  return group + ", " + protocol.name + ", seed " + std::to_string(seed);
}

// Of its own: a task is opened once for every clip shape and view, which its name has.
std::string group_of(const Plan& plan, const PlannedCell& cell) {
  std::string task;
  for (const auto& [name, opened] : plan.tasks)
    if (&opened == cell.task) task = name;
  return group_name(cell.encoder, task, cell.clips, cell.protocol);
}

std::vector<DealtCells> deal_cells(const Plan& plan, int shards) {
  std::map<std::string, PlannedGroup> by_name;
  for (const auto& group : all_groups(plan))
    for (const auto c : group.cells) {
      const PlannedCell& cell = plan.cells[c];
      PlannedGroup& part =
          by_name[dealt_name(group_of(plan, cell), cell.protocol, cell.record.seed)];
      if (part.cells.empty()) {
        part = group;
        part.cells.clear();
        part.ranks.clear();
      }
      part.cells.push_back(c);
    }
  std::vector<DealtCells> out;
  std::vector<ShardWork> works;
  for (const auto& [name, part] : by_name) {
    works.push_back({name, units_of(plan, part).total()});
    out.push_back({part.cells, works.back()});
  }
  const auto shard_of = dealt(works, shards);
  for (std::size_t g = 0; g < out.size(); ++g) out[g].shard = shard_of[g];
  return out;
}

void keep_shard(Plan& plan, const WorkShard& shard) {
  for (const auto& dealt : deal_cells(plan, shard.count))
    for (const auto cell : dealt.cells) plan.cells[cell].elsewhere = dealt.shard != shard.index;
}

}  // namespace permafrost
