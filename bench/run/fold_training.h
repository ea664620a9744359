// SPDX-License-Identifier: Apache-2.0
#pragma once

// One fold of a cell: a probe trained on features that are there, and what it leaves behind.
#include <cstddef>

#include "bench/run/fold_result.h"
#include "datasets/tasks/task.h"
#include "probes/train/probe_training.h"

namespace permafrost {

struct TrainedFold {
  FoldResult result;
  ProbeOutcome outcome;  // its predictions and scores are in `result`
};

// Trains and tests the probe of fold number `fold` of the task. `features` are the probe's own
// copy, whose failures the views may add to. Low-shot protocols take their part of the training
// side by run.seed. Throws as train_probe().
TrainedFold train_fold(const Task& task, std::size_t fold, const ProbeProtocol& protocol,
                       LabelledFeatures& features, const TrainingRun& run, const ProbeViews& views);

// What makes features doubtful: "the encoder says the same of every clip ..."; mostly empty.
std::string doubt_about(const LabelledFeatures& features);

// How the candidate of an outcome was chosen.
Selection selection_of(const ProbeOutcome& outcome, const ProbeProtocol& protocol);

// Of the candidates that were dropped, a sentence each.
std::vector<std::string> dropped_candidates(const ProbeOutcome& outcome,
                                            const ProbeProtocol& protocol);

}  // namespace permafrost
