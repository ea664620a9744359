// SPDX-License-Identifier: Apache-2.0
#pragma once

// A classification head on a frozen encoder, without training: class probabilities of samples.
//
// Of every view of a sample, the tokens of its clips are joined in time order and go through the
// head once; the probabilities (softmax) are averaged over the views. As in V-JEPA's frozen
// evaluation with attend_across_segments.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/machine/progress.h"
#include "datasets/clips/clip_source.h"
#include "models/encoders/encoder.h"
#include "models/processes/process_group.h"
#include "probes/heads/classifier_file.h"

namespace permafrost {

struct EvaluationInput {
  // The same samples in every source; views of all of them, and of each where it has several.
  std::vector<const ClipSource*> views;
  std::vector<std::int64_t> samples;  // of the sources, each once
  int clips = 1;                      // temporal segments a sample
  bool attend_across_clips = true;    // false: each clip by itself, probabilities averaged
  // Blocks whose outputs (through the final norm) are joined as tokens of a clip; none: the last.
  std::vector<int> layers;
  // Samples encoded together; 0: as many as half a gigabyte holds, at most 16.
  std::int64_t chunk = 0;
  // Ranks that evaluate together, each its chunks; all get all of the output. Null: one process.
  ProcessGroup* group = nullptr;
};

struct HeadOutput {
  at::Tensor probabilities;           // float32 [n,C], classes as the head counts them
  std::vector<int> predictions;       // [n] most probable class of the head; -1: not read
  std::vector<std::string> failures;  // [n] the reason where a sample was not read
};

// Work is cut in chunks whatever `threads`. A sample of which one clip cannot be read is a failure.
// Throws InputError when the head is for tokens of another width, Error when the encoder's weights
// changed meanwhile (law 10).
HeadOutput evaluate_head(const Encoder& encoder, const Classifier& head,
                         const EvaluationInput& input, int threads, Progress* progress = nullptr);

}  // namespace permafrost
