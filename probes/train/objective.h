// SPDX-License-Identifier: Apache-2.0
#pragma once

// What heads are trained for: softmax cross-entropy of one logit a class, for every measure that
// there is. The one place of the loss and of what makes answers out of a head's output, for probes
// and for fine-tuning.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "probes/encode/features.h"

namespace permafrost {

inline constexpr std::int64_t kNoLabel = -100;  // torch's ignored index

// int64 [n] on the host; kNoLabel where a sample could not be read: no weight in the loss.
at::Tensor labels_of(const LabelledFeatures& features, const std::vector<std::int64_t>& samples);

// Sum over samples of logits [n,C] against labels int64 [n], or against shares of the classes
// [n,C], whose rows are zeros where a sample could not be read.
at::Tensor summed_loss(const at::Tensor& logits, const at::Tensor& labels);
at::Tensor summed_soft_loss(const at::Tensor& logits, const at::Tensor& shares);

// Of logits [n,C]: one a class.
at::Tensor probabilities_of(const at::Tensor& logits);

}  // namespace permafrost
