// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/feature_health.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

namespace permafrost {

FeatureHealth feature_health(const at::Tensor& features) {
  const at::NoGradGuard no_grad;
  const at::Tensor values = features.to(at::kFloat), rows = values.flatten(0, 1);
  return {.deviation = rows.std(0, true, false).mean().item<double>(),
          .deviation_at_place = values.std(0, true, false).mean().item<double>(),
          .deviation_in_clip = values.std(1, true, false).mean().item<double>(),
          .rank = effective_rank(rows)};
}

void add_health(StepFigures& figures, const at::Tensor& features) {
  const FeatureHealth health = feature_health(features);
  figures.add("feature_deviation", health.deviation);
  figures.add("feature_deviation_at_place", health.deviation_at_place);
  figures.add("feature_deviation_in_clip", health.deviation_in_clip);
  figures.add("feature_rank", health.rank);
}

double effective_rank(const at::Tensor& features) {
  const at::Tensor x = features.to(at::kDouble);
  const at::Tensor centred = x - x.mean(0, true);
  // D x D values: solved on the CPU wherever the features are.
  const at::Tensor products = at::mm(centred.t(), centred).to(at::kCPU);
  const at::Tensor values = at::linalg_eigvalsh(products).clamp_min(0);
  const double sum = values.sum().item<double>();
  if (sum <= 0) return 1;
  const at::Tensor shares = values / sum;
  return std::exp(-at::xlogy(shares, shares).sum().item<double>());
}

}  // namespace permafrost
