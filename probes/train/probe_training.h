// SPDX-License-Identifier: Apache-2.0
#pragma once

// Training of probe heads on kept features; the choice among candidates never sees the test split.
#include <cstdint>
#include <functional>
#include <vector>

#include "datasets/measures/measure.h"
#include "datasets/tasks/fold.h"
#include "probes/encode/features.h"
#include "probes/heads/head.h"
#include "probes/train/protocol.h"
#include "probes/train/training_run.h"
#include "probes/train/view_logits.h"

namespace permafrost {

struct ProbeOutcome {
  std::vector<int> predictions;  // class of fold.test[i]; -1 where it could not be read
  // [n][C] probabilities, one of the classes or one a class as the loss has it (knn: votes) of
  // fold.test; empty where a sample could not be read.
  std::vector<std::vector<float>> scores;
  // Quality on the held-out part (HeadObjective::quality), one a candidate, in the order of
  // candidates_of.
  std::vector<double> held_out_accuracy;
  int chosen = 0;  // the first candidate with the best of these
  // Candidates, ascending, with a weight or a logit that is not finite: not chosen, their quality
  // is 0.
  std::vector<int> diverged;
  HeadSpec spec;
  HeadWeights head;  // the chosen one; no weights for knn
  double train_seconds = 0, evaluate_seconds = 0;
};

// Where tokens come from that are not in LabelledFeatures: tokens [B,N,D] of samples, standardised.
// They are encoded when they are asked for, or kept somewhere; called on the probe's thread.
struct ProbeViews {
  // Of the clips as they are; empty: rows of features.tokens. May set features.failures of samples
  // that it finds unreadable; their tokens are then not looked at.
  std::function<at::Tensor(const Samples&)> evaluation;
  // What training sees in an epoch (0-based); empty: the same.
  std::function<at::Tensor(int epoch, const Samples&)> training;
  // The test samples in several views (crops), that of `evaluation` among them: probabilities are
  // averaged. Empty: as in evaluation.
  std::function<std::vector<at::Tensor>(const Samples&)> test;
};

// What a probe is trained and tested on.
struct ProbeData {
  const LabelledFeatures& features;
  const std::vector<std::int64_t>& groups;  // [n]; a group is not cut when samples are held out
  const Fold& fold;
  int classes = 0;
  HeadLoss loss = HeadLoss::softmax;  // that the task's measure asks for
};

// The head computes on run.device; tokens come from the host, and the outcome is there. The bank of
// knn is what the other heads train on: the training split without its held-out part. Throws
// InputError when the training split has too few readable samples to hold any out, and
// TrainingDiverged where no candidate stayed finite.
ProbeOutcome train_probe(const ProbeData& data, const ProbeProtocol& protocol,
                         const TrainingRun& run, const ProbeViews& views = {});

// What a trained head says: see ProbeOutcome.
struct Answers {
  std::vector<int> predictions;
  std::vector<std::vector<float>> scores;
};

// Of data.fold.test, in the kept view, on the host. `head` is of one candidate and not knn.
Answers answers_of(const HeadWeights& head, const HeadSpec& spec, const ProbeData& data);

}  // namespace permafrost
