// SPDX-License-Identifier: Apache-2.0
#include "bench/run/group_work.h"

#include <algorithm>
#include <cmath>

#include "bench/run/probe_features.h"
#include "bench/run/work_estimate.h"

namespace permafrost {
namespace {

std::int64_t units(const Work& work) {
  return std::max<std::int64_t>(1, std::llround(core_milliseconds(work)));
}

std::int64_t fold_units(const EncoderSpec& spec, const PlannedGroup& group, const PlannedCell& cell,
                        const Fold& fold) {
  const auto n = static_cast<double>(fold.train.size());
  const TaskKind kind = group.task->kind;
  if (group.is_finetune) {
    const FinetuneProtocol& p = cell.protocol.finetune;
    const double trained = p.epochs * n;
    const double tested = static_cast<double>(fold.test.size()) * p.clips;
    return units(finetune_work(spec, trained) + encoding_work(spec, tested * p.test.views) +
                 reading_work(spec, kind, trained + tested));
  }
  const ProbeProtocol& p = cell.protocol.probe;
  const double labelled = p.label_fraction * n;
  Work work =
      probe_work(spec, p, group.clips * probed_tokens(spec, *group.task), passes_of(p) * labelled);
  if (p.augmentation.active()) {
    const double clips =
        (p.training_views > 0 ? p.training_views : p.epochs) * labelled * group.clips;
    work += encoding_work(spec, clips) + reading_work(spec, kind, clips);
  }
  return units(work);
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
  if (!group.is_finetune) {
    const auto clips = static_cast<double>(samples_in_views(*group.task) * group.clips);
    work.encode = units(encoding_work(spec, clips) + reading_work(spec, group.task->kind, clips));
  }
  for (const auto i : group.cells) {
    auto& folds = work.folds.emplace_back();
    for (const auto& fold : group.task->folds)
      folds.push_back(fold_units(spec, group, plan.cells[i], fold));
  }
  return work;
}

}  // namespace permafrost
