// SPDX-License-Identifier: Apache-2.0
#pragma once

// What one fold of a cell gives, and how the folds of a cell become its record.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/records/record.h"
#include "common/machine/execution.h"
#include "datasets/tasks/task.h"

namespace permafrost {

struct FoldResult {
  std::vector<int> predictions;  // of the fold's test side
  std::vector<std::vector<float>> scores;
  std::optional<Selection> selection;  // none for fine-tuning
  std::vector<std::int64_t> training;  // low-shot: the samples that were given
  std::vector<std::string> failures;   // [n] why a sample of the test side could not be read
  std::map<std::int64_t, std::string> training_failures;  // of the training side, by sample
  std::vector<std::string> warnings;                      // of candidates that were dropped
  double train_seconds = 0, evaluate_seconds = 0;
};

// Puts predictions, failures, selections, the training subset and times of all folds into the
// record, in the order of the samples. The record is not complete()d.
void pool_folds(const std::vector<FoldResult>& results, const Task& task, Record& record);

// The same, and then finish_record.
void finish_record(const std::vector<FoldResult>& results, const Task& task,
                   const Execution& execution, Record& record);
// What makes a record of predictions: threads, build and time, and what follows from the rest.
void finish_record(const Execution& execution, Record& record);

}  // namespace permafrost
