// SPDX-License-Identifier: Apache-2.0
#include "bench/run/fold_result.h"

#include <algorithm>
#include <ctime>

#include "common/files/hash.h"

namespace permafrost {
namespace {

// Nothing where every fold was given its whole training side.
std::optional<TrainingSubset> training_subset(const std::vector<FoldResult>& results,
                                              const Task& task) {
  TrainingSubset subset;
  std::string names;
  for (const auto& result : results) {
    subset.samples += static_cast<std::int64_t>(result.training.size());
    for (const auto sample : result.training) names += task.source->name(sample) + "\n";
  }
  if (subset.samples == 0) return {};
  subset.sha256 = sha256_of(names);
  return subset;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
  return text;
}

}  // namespace

void pool_folds(const std::vector<FoldResult>& results, const Task& task, Record& record) {
  struct Answer {
    int predicted = -1;
    std::vector<float> scores;
    std::string failure;
  };
  std::map<std::int64_t, Answer> pooled;
  std::map<std::int64_t, std::string> untrained;
  const bool scored = task.measure->needs_scores();
  for (std::size_t f = 0; f < results.size(); ++f) {
    const auto& test = task.folds[f].test;
    for (std::size_t k = 0; k < test.size(); ++k)
      pooled[test[k]] = {results[f].predictions[k],
                         scored ? results[f].scores[k] : std::vector<float>(),
                         results[f].failures[k]};
    untrained.insert(results[f].training_failures.begin(), results[f].training_failures.end());
    record.train_seconds += results[f].train_seconds;
    record.evaluate_seconds += results[f].evaluate_seconds;
    for (const auto& warning : results[f].warnings)
      if (std::find(record.warnings.begin(), record.warnings.end(), warning) ==
          record.warnings.end())
        record.warnings.push_back(warning);
    if (results[f].selection) record.selections.push_back(*results[f].selection);
  }
  for (const auto& [sample, answer] : pooled) {
    const std::string name = task.source->name(sample);
    record.predictions.push_back({name, task.source->target(sample), answer.predicted,
                                  task.groups[static_cast<std::size_t>(sample)], answer.scores});
    if (answer.predicted < 0) record.failures.push_back({name, answer.failure});
  }
  for (const auto& [sample, why] : untrained)  // those that are tested too stand in `failures`
    if (pooled.count(sample) == 0)
      record.training_failures.push_back({task.source->name(sample), why});
  record.training = training_subset(results, task);
}

void finish_record(const std::vector<FoldResult>& results, const Task& task,
                   const Execution& execution, Record& record) {
  pool_folds(results, task, record);
  finish_record(execution, record);
}

void finish_record(const Execution& execution, Record& record) {
  record.threads = execution.threads;
  record.build = build_info(execution.device);
  record.finished = utc_now();
  complete(record);
}

}  // namespace permafrost
