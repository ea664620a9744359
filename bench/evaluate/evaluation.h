// SPDX-License-Identifier: Apache-2.0
#pragma once

// A released head on a task, without training: what `permafrost evaluate` measures and says.
//
//   const Evaluation result = evaluate_task(encoder, head, {.task = task, .execution = {.threads =
//   2}}); std::cout << to_markdown(result);
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/evaluate/diagnosis.h"
#include "bench/evaluate/recipe.h"
#include "bench/records/record.h"
#include "common/machine/execution.h"
#include "datasets/tasks/task.h"
#include "models/encoders/encoder.h"
#include "probes/evaluate/class_map.h"
#include "probes/evaluate/head_evaluation.h"

namespace permafrost {

struct EvaluationOptions {
  TaskSpec task;
  std::filesystem::path data;     // folder of real data
  std::string recipe;             // empty: by the head's number of classes
  std::vector<std::string> set;   // "key=value" over the recipe's protocol
  std::int64_t chunk = 0;         // see EvaluationInput
  ProcessGroup* group = nullptr;  // see EvaluationInput
  Execution execution;
};

struct Evaluation {
  EncoderIdentity encoder;
  Classifier head;  // without weights
  TaskIdentity task;
  std::vector<std::string> class_names;  // of the task
  ClassMap classes;
  std::string recipe, recipe_source;  // empty where there is none
  EvaluationProtocol protocol;
  std::vector<ProtocolField> fields;
  std::optional<double> published;  // percent, of this encoder and recipe

  std::vector<Prediction> predictions;  // classes as the task counts them
  std::vector<double> confidence;       // probability of the predicted class; 0: not read
  std::vector<Failure> failures;
  const Measure* measure = &default_measure();  // the task's
  double value = 0;  // in its unit, of all samples, those not read being wrong (laws 3 and 4)
  Interval ci95;     // bootstrap
  std::string ci95_over = "samples";  // or "groups", where samples share one (law 6)
  Diagnosis diagnosis;
  std::vector<std::string> notes;  // of the encoder: what was assumed, chosen or resized
  std::vector<std::string> warnings;
  double seconds = 0;
  int threads = 1;
  BuildInfo build;

  std::int64_t n() const { return static_cast<std::int64_t>(predictions.size()); }
  std::int64_t correct() const;
  double accuracy() const;  // percent, top-1, whatever the metric
  double coverage() const;  // share of the samples that were read
};

// Every sample of every test side, once. Throws InputError for data that is not there, a head of
// another width or other classes, a protocol that does not fit; Error when no sample at all could
// be read.
Evaluation evaluate_task(const Encoder& given, const Classifier& head,
                         const EvaluationOptions& options);

// Fills predictions to warnings from what the head said of `samples`; identities and classes are
// there already.
void judge(Evaluation& evaluation, const Task& task, const std::vector<std::int64_t>& samples,
           const HeadOutput& output);

std::string to_markdown(const Evaluation& evaluation);
OrderedJson to_json(const Evaluation& evaluation);

// DIR/predictions.csv, then DIR/evaluation.json that goes with it, each whole or not at all.
void write_evaluation(const std::filesystem::path& out, const Evaluation& evaluation);

}  // namespace permafrost
