// SPDX-License-Identifier: Apache-2.0
#include "bench/run/group_work.h"

#include <algorithm>
#include <cmath>

#include "bench/run/probe_features.h"
#include "bench/run/work_estimate.h"

namespace permafrost {
namespace {

std::int64_t units(double work) { return std::max<std::int64_t>(1, std::llround(work)); }

std::int64_t fold_units(const EncoderSpec& spec, const PlannedGroup& group, const PlannedCell& cell,
                        const Fold& fold) {
  const auto n = static_cast<std::int64_t>(fold.train.size());
  if (group.is_finetune)
    return units(cell.protocol.finetune.epochs * finetune_work(spec, group.task->kind, n));
  const ProbeProtocol& protocol = cell.protocol.probe;
  return units(passes_of(protocol) * protocol.label_fraction *
               probe_work(spec, protocol, group.clips, n));
}

}  // namespace

std::int64_t GroupUnits::total() const {
  std::int64_t sum = encode;
  for (const auto& cell : folds)
    for (const auto fold : cell) sum += fold;
  return sum;
}

GroupUnits units_of(const Plan& plan, const PlannedGroup& group) {
  const EncoderSpec& spec = plan.encoders.at(group.encoder).spec;
  GroupUnits work;
  if (!group.is_finetune)
    work.encode =
        units(encode_work(spec, group.task->kind, samples_in_views(*group.task) * group.clips));
  for (const auto i : group.cells) {
    auto& folds = work.folds.emplace_back();
    for (const auto& fold : group.task->folds)
      folds.push_back(fold_units(spec, group, plan.cells[i], fold));
  }
  return work;
}

}  // namespace permafrost
