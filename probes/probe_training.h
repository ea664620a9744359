// SPDX-License-Identifier: Apache-2.0
#pragma once

// Training of probe heads on kept features; the choice among candidates never sees the test split.
#include <cstdint>
#include <functional>
#include <vector>

#include "datasets/fold.h"
#include "probes/features.h"
#include "probes/head.h"
#include "probes/protocol.h"

namespace permafrost {

struct ProbeOutcome {
  std::vector<int> predictions;  // class of fold.test[i]; -1 where it could not be read
  // [n][C] probabilities (knn: votes) of fold.test; empty where a sample could not be read.
  std::vector<std::vector<float>> scores;
  std::vector<double> held_out_accuracy;  // one a candidate, in the order of candidates_of
  int chosen = 0;                         // first candidate with the best held-out accuracy
  HeadSpec spec;
  HeadWeights head;  // the chosen one; no weights for knn
  double train_seconds = 0, evaluate_seconds = 0;
};

// Runs on the calling thread alone (callers run cells side by side). `groups` [n] keeps groups
// together when the held-out part is cut. `tick` is called once a pass (passes_of). The bank of knn
// is what the other heads train on: the training split without its held-out part. Throws InputError
// when the training split has too few readable samples to hold any out.
ProbeOutcome train_probe(const LabelledFeatures& features, const std::vector<std::int64_t>& groups,
                         const Fold& fold, int classes, const ProbeProtocol& protocol,
                         std::uint64_t seed, const std::function<void()>& tick = {});

// Readable training samples cut in two by group: first the part to train on, then the held-out one.
Fold hold_out(const LabelledFeatures& features, const std::vector<std::int64_t>& groups,
              const std::vector<std::int64_t>& train, double share, std::uint64_t seed);

// Softmax of logits [C].
std::vector<float> probabilities_of(const at::Tensor& logits);

// Logits [L,n,C] of the samples, in chunks.
at::Tensor logits_of(const HeadWeights& head, const HeadSpec& spec, const at::Tensor& tokens,
                     const std::vector<std::int64_t>& samples);

}  // namespace permafrost
