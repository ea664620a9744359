// SPDX-License-Identifier: Apache-2.0
#pragma once

// Full fine-tuning: encoder and attentive head together, layer-wise learning-rate decay. From
// random weights with layer_decay 1 it is supervised training from scratch.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "datasets/clips/clip_source.h"
#include "datasets/measures/measure.h"
#include "datasets/tasks/fold.h"
#include "models/encoders/encoder.h"
#include "probes/train/protocol.h"
#include "probes/train/training_run.h"

namespace permafrost {

struct FinetuneOutcome {
  std::vector<int> predictions;  // of fold.test, -1 where a sample could not be read
  // [n][C] probabilities of fold.test; empty where a sample could not be read.
  std::vector<std::vector<float>> scores;
  std::vector<std::string> failures;  // [n] why a sample of fold.test could not be read; else empty
  // Samples of fold.train that could not be read in some epoch, and why: they had no weight there.
  std::map<std::int64_t, std::string> training_failures;
  std::vector<double> epoch_losses;  // mean training loss of each epoch
  VitWeights encoder;
  HeadSpec spec;
  HeadWeights head;
  double train_seconds = 0, evaluate_seconds = 0;
};

// What is trained and tested on.
struct FinetuneData {
  const ClipSource& source;
  const Fold& fold;
  int classes = 0;
  HeadLoss loss = HeadLoss::softmax;  // that the task's measure asks for
};

// Where the source has boxes, the head sees the tokens pooled in them (box_pooling.h). The encoder
// that is passed in is not changed. Training sees the view that the source shows; at test
// probabilities are averaged over all views and the protocol's clips. Computed on run.device; the
// outcome is on the host. Throws TrainingDiverged for a loss or weights that are not finite,
// InputError where ranks do not divide the protocol's gradient shards.
FinetuneOutcome finetune(const Encoder& encoder, const FinetuneData& data,
                         const FinetuneProtocol& protocol, const TrainingRun& run);

}  // namespace permafrost
