// SPDX-License-Identifier: Apache-2.0
#pragma once

// Probes on features that somebody already has, apart from any task: trained on some, tested on
// others. For the Python module.
//
//   const GivenProbe probe = train_given(train, protocol, {.seed = 1});
//   const Record record = evaluate_given(probe, test, {});
#include <cstdint>
#include <string>
#include <vector>

#include "bench/records/record.h"
#include "bench/suites/table_spec.h"
#include "common/machine/execution.h"
#include "probes/train/probe_training.h"

namespace permafrost {

struct GivenFeatureSet {
  at::Tensor features;               // floating point [n,N,D], or [n,D]: one token a sample
  std::vector<int> labels;           // [n], from 0
  std::vector<std::int64_t> groups;  // [n], never cut when samples are held out; empty: none
  std::vector<std::string> names;    // [n], of samples; empty: their numbers
};

struct GivenProbe {
  std::string name;  // of the encoder, as records have it
  ProtocolChoice protocol;
  int classes = 0;
  std::uint64_t seed = 1;
  ProbeOutcome outcome;       // without predictions
  std::string training_data;  // SHA-256 of features, labels and groups
};

// All of `set` is the training side; the candidate is chosen on the held-out part of it. `classes`
// 0: as many as the labels say. Throws InputError for knn, which keeps no head, for a set whose
// parts do not fit together, and as train_probe().
GivenProbe train_given(const std::string& name, const GivenFeatureSet& set, int classes,
                       const ProtocolChoice& protocol, const TrainingRun& run);

// What the probe says of other samples, as a record that is not written. Its key covers the
// features that the probe was trained on and those that it is tested on.
Record evaluate_given(const GivenProbe& probe, const GivenFeatureSet& set,
                      const Execution& execution);

// Standardised tokens float32 [n,N,D] on the host. Throws InputError(where).
at::Tensor given_tokens(const at::Tensor& features, const std::string& where);

}  // namespace permafrost
