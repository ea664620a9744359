// SPDX-License-Identifier: Apache-2.0
#include "bench/run/fold_training.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "datasets/tasks/label_subset.h"

namespace permafrost {
namespace {

std::string dropped_text(const ProbeProtocol& protocol, int candidate) {
  const ProbeCandidate dropped = candidates_of(protocol)[static_cast<std::size_t>(candidate)];
  return "the candidate of learning rate " + Json(dropped.learning_rate).dump() +
         (protocol.weight_decays.empty()
              ? ""
              : " and weight decay " + Json(dropped.weight_decay).dump()) +
         " diverged and was dropped";
}

// Of as many as 64 samples that could be read; two at least.
bool says_the_same_of_all(const LabelledFeatures& features) {
  std::vector<std::int64_t> read;
  for (std::size_t i = 0; i < features.failures.size(); ++i)
    if (features.failures[i].empty()) read.push_back(static_cast<std::int64_t>(i));
  if (read.size() < 2 || !features.tokens.defined()) return false;
  const std::size_t step = (read.size() + 63) / 64;
  for (std::size_t k = step; k < read.size(); k += step)
    if (!at::allclose(features.tokens[read[k]], features.tokens[read[0]], 1e-5, 1e-5)) return false;
  return true;
}

Fold labelled_fold(const Fold& fold, const LabelledFeatures& features, const Task& task,
                   const ProbeProtocol& protocol, std::uint64_t seed) {
  if (!(protocol.label_fraction < 1)) return fold;
  return {label_subset(features.targets, task.groups, fold.train, protocol.label_fraction, seed),
          fold.test};
}

}  // namespace

Selection selection_of(const ProbeOutcome& outcome, const ProbeProtocol& protocol) {
  const ProbeCandidate chosen = candidates_of(protocol)[static_cast<std::size_t>(outcome.chosen)];
  Selection selection{.learning_rate = chosen.learning_rate,
                      .neighbours = chosen.neighbours,
                      .held_out_accuracy = outcome.held_out_accuracy};
  if (!protocol.weight_decays.empty()) selection.weight_decay = chosen.weight_decay;
  return selection;
}

std::vector<std::string> dropped_candidates(const ProbeOutcome& outcome,
                                            const ProbeProtocol& protocol) {
  std::vector<std::string> dropped;
  for (const int candidate : outcome.diverged) dropped.push_back(dropped_text(protocol, candidate));
  return dropped;
}

TrainedFold train_fold(const Task& task, std::size_t fold, const ProbeProtocol& protocol,
                       LabelledFeatures& features, const TrainingRun& run,
                       const ProbeViews& views) {
  const Fold sides = labelled_fold(task.folds[fold], features, task, protocol, run.seed);
  TrainedFold trained;
  trained.outcome =
      train_probe({features, task.groups, sides, task.classes, task.loss()}, protocol, run, views);
  ProbeOutcome& outcome = trained.outcome;
  FoldResult& result = trained.result;
  result = {.predictions = std::move(outcome.predictions),
            .scores = std::move(outcome.scores),
            .selection = selection_of(outcome, protocol),
            .warnings = dropped_candidates(outcome, protocol),
            .train_seconds = outcome.train_seconds,
            .evaluate_seconds = outcome.evaluate_seconds};
  for (const auto sample : sides.test)
    result.failures.push_back(features.failures[static_cast<std::size_t>(sample)]);
  for (const auto sample : sides.train)
    if (const auto& why = features.failures[static_cast<std::size_t>(sample)]; !why.empty())
      result.training_failures.emplace(sample, why);
  if (protocol.label_fraction < 1) result.training = sides.train;
  return trained;
}

std::string doubt_about(const LabelledFeatures& features) {
  if (!says_the_same_of_all(features)) return "";
  return "the encoder says the same of every clip: nothing can be read out of its features";
}

}  // namespace permafrost
