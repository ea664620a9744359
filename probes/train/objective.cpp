// SPDX-License-Identifier: Apache-2.0
#include "probes/train/objective.h"

#include <torch/types.h>

namespace permafrost {

at::Tensor labels_of(const LabelledFeatures& features, const std::vector<std::int64_t>& samples) {
  std::vector<std::int64_t> labels;
  for (const auto i : samples) {
    const auto k = static_cast<std::size_t>(i);
    labels.push_back(features.failures[k].empty() ? features.targets[k].label() : kNoLabel);
  }
  return at::tensor(at::ArrayRef<std::int64_t>(labels), at::kLong);
}

at::Tensor summed_loss(const at::Tensor& logits, const at::Tensor& labels) {
  return at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum, kNoLabel);
}

at::Tensor summed_soft_loss(const at::Tensor& logits, const at::Tensor& shares) {
  return -(shares * at::log_softmax(logits, 1)).sum();
}

at::Tensor probabilities_of(const at::Tensor& logits) { return at::softmax(logits, 1); }

}  // namespace permafrost
