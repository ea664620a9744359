// SPDX-License-Identifier: Apache-2.0
#pragma once

// What heads are trained for: the loss of their logits, what makes answers out of these, and what
// the choice among candidates goes by. One objective for each HeadLoss that a measure can ask for;
// probes and fine-tuning ask the objective and know no loss by name.
//
//   const HeadObjective& objective = objective_of(measure.loss(task.target));
//   const at::Tensor truth = objective.truth(pointers_to(features, samples), classes);
//   backward(objective.summed(logits, truth) / n);
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "datasets/measures/measure.h"
#include "probes/encode/features.h"

namespace permafrost {

inline constexpr std::int64_t kNoLabel = -100;  // torch's ignored index

// Of samples, in their order; null where one could not be read.
using TargetPointers = std::vector<const Target*>;

// A part of a sample that is mixed of several (mixup, CutMix).
struct MixedTarget {
  const Target* target = nullptr;
  double share = 1;  // of all parts of a sample together 1
};

// A loss (a scalar) and its gradient at the logits [n,C].
struct LossGradient {
  at::Tensor loss, gradient;
};

// Samples that could not be read have no weight. Thread-safe; one object of each lives as long as
// the program.
class HeadObjective {
 public:
  virtual ~HeadObjective() = default;
  // What is true of the samples, on the host, as summed() takes it. Softmax: int64 [n]. Sigmoid:
  // float32 [n,C] of zeros and ones.
  virtual at::Tensor truth(const TargetPointers& targets, int classes) const = 0;
  // Sum over the samples of the loss of logits [n,C]. Softmax: cross-entropy. Sigmoid: binary
  // cross-entropy, its mean over the classes.
  virtual at::Tensor summed(const at::Tensor& logits, const at::Tensor& truth) const = 0;
  // The same without autograd, and its gradient, whose rows are zeros for what could not be read,
  // even where its logits are not finite.
  virtual LossGradient with_gradient(const at::Tensor& logits, const at::Tensor& truth) const = 0;
  // The row [C] of one mixed sample, and of one that could not be read if there are no parts.
  // Smoothing gives a share of every label to what knows nothing: evenly to the classes (softmax),
  // a half to each class (sigmoid).
  virtual at::Tensor shares(const std::vector<MixedTarget>& parts, int classes,
                            double smoothing) const = 0;
  // As summed(), against such rows [n,C].
  virtual at::Tensor summed_soft(const at::Tensor& logits, const at::Tensor& shares) const = 0;
  // Of logits [n,C]: one a class, 0 to 1.
  virtual at::Tensor probabilities(const at::Tensor& logits) const = 0;
  // 0 to 1, of every candidate, more is better: of scores [L,n,C] and the truth of n samples that
  // could be read. Softmax: the share of right answers. Sigmoid: mean average precision.
  virtual std::vector<double> quality(const at::Tensor& scores, const at::Tensor& truth) const = 0;
};

const HeadObjective& objective_of(HeadLoss loss);

// Of some of the samples.
TargetPointers pointers_to(const LabelledFeatures& features,
                           const std::vector<std::int64_t>& samples);

// The truth of n samples as that of n * times samples, one copy after the other: for the logits of
// several candidates.
at::Tensor repeated(const at::Tensor& truth, std::int64_t times);

}  // namespace permafrost
