// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a probe or a fine-tuning is run, apart from its protocol.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "common/error.h"
#include "models/processes/process_group.h"

namespace permafrost {

// Training that did not stay finite: a learning rate that is too high, or features that are no
// numbers. Nothing of it can be kept.
class TrainingDiverged : public Error {
 public:
  using Error::Error;
};

// The end of one pass of a probe over its training samples.
struct ProbeEpoch {
  int epoch = 0;             // from 0
  double loss = 0;           // mean over samples and candidates, as trained on
  double learning_rate = 0;  // of the first candidate, in the last step
};

struct TrainingRun {
  std::uint64_t seed = 1;
  // Of fine-tuning; changes no number. A probe trains on the calling thread alone, since callers
  // run probes side by side.
  int threads = 1;
  at::Device device = at::kCPU;
  // Ranks that fine-tune together, each its gradient shards and its part of the test; all get the
  // outcome. Null: one process. Of probes nothing: their features are shared (EncodeOptions).
  ProcessGroup* group = nullptr;
  // Told how much more is done: passes over the samples of a probe (passes_of), training clips of
  // fine-tuning.
  std::function<void(std::int64_t)> tick = {};
  // Of probes, but for knn: told after every pass. Reads the loss back, so it costs a GPU a wait.
  std::function<void(const ProbeEpoch&)> epoch_ended = {};
};

}  // namespace permafrost
