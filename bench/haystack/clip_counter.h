// SPDX-License-Identifier: Apache-2.0
#pragma once

// Needles of a video counted one by one: a head says of every clip how much it looks like a needle,
// and clips above a threshold are counted. The weights of a softmax sum to 1 over a video, however
// many needles share them; here every needle adds 1.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "bench/haystack/clip_pools.h"
#include "bench/haystack/haystack_spec.h"
#include "probes/heads/head.h"

namespace permafrost {

class ClipCounter {
 public:
  // Trains an attentive head on single clips, half of them needles. `spec` must outlive it.
  ClipCounter(const HaystackSpec& spec, const ClipPools& pools, int heads);

  // Of clips [P,n,D], float32 [P]: the higher, the more like a needle.
  at::Tensor scores(const at::Tensor& tokens) const;
  // The score that gives the right number for most of 256 training videos of so many clips. They
  // are made of needles and hay that trained nothing.
  double threshold(std::int64_t clips) const;

  // By learning rate, of single clips that trained nothing.
  const std::vector<double>& held_out_accuracy() const { return held_out_accuracy_; }
  double learning_rate() const { return learning_rate_; }

 private:
  void train(const ClipPools& pools);

  const HaystackSpec& spec_;
  HeadSpec head_spec_;
  HeadWeights head_;
  std::vector<double> held_out_accuracy_;
  double learning_rate_ = 0;
  at::Tensor hay_scores_, needle_scores_;  // of the training side
};

// How many of a video's clips have a score above the threshold, int64 [V]; counts [V,S,P], scores
// [P].
at::Tensor clips_above(const at::Tensor& counts, const at::Tensor& scores, double threshold);

// The threshold between two scores that gives the right number for most videos: numbers [V] of the
// clips in each, counts [V,P]. Numbers are cut to 1 and `most`, as answers are.
double best_threshold(const at::Tensor& counts, const at::Tensor& scores, const at::Tensor& numbers,
                      std::int64_t most);

}  // namespace permafrost
