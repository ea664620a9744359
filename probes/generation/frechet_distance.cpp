// SPDX-License-Identifier: Apache-2.0
#include "probes/generation/frechet_distance.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "common/error.h"

namespace permafrost {
namespace {

// Of a symmetric matrix without negative eigenvalues, but for rounding.
at::Tensor symmetric_root(const at::Tensor& matrix) {
  const auto [values, vectors] = at::linalg_eigh(matrix);
  return at::mm(vectors * values.clamp_min(0).sqrt(), vectors.t());
}

}  // namespace

GaussianFit gaussian_of(const at::Tensor& features) {
  if (features.dim() != 2 || features.size(0) < 2)
    throw InputError("features", "", "[n,D] of at least 2 clips", c10::str(features.sizes()));
  const at::Tensor rows = features.to(at::kDouble), mean = rows.mean(0), centred = rows - mean;
  return {mean, at::mm(centred.t(), centred) / static_cast<double>(rows.size(0) - 1)};
}

double frechet_distance(const GaussianFit& a, const GaussianFit& b) {
  const at::Tensor root = symmetric_root(a.covariance);
  const at::Tensor product = at::mm(at::mm(root, b.covariance), root);
  // Rounding leaves it a little askew.
  const at::Tensor values = at::linalg_eigvalsh((product + product.t()) / 2);
  const double common = values.clamp_min(0).sqrt().sum().item<double>();
  const double apart = (a.mean - b.mean).square().sum().item<double>();
  const double traces = a.covariance.trace().item<double>() + b.covariance.trace().item<double>();
  return std::max(0.0, apart + traces - 2 * common);
}

}  // namespace permafrost
