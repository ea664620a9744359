// SPDX-License-Identifier: Apache-2.0
#pragma once

// How far apart two sets of features are, as if both were Gaussian: the Frechet distance
//
//   d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2)
//
// between N(m1, C1) and N(m2, C2) (Dowson and Landau 1982, "The Frechet distance between
// multivariate normal distributions"), which Heusel et al. 2017 (arXiv 1706.08500) take of an
// encoder's features of generated and of real pictures. What is returned is d^2, as everywhere.
//
// Both roots are of symmetric matrices, so eigenvalues stay real. With few samples the distance is
// too large, even between two sets of real clips: compare equal numbers only, and look at real
// against real beside it.
#include <ATen/core/Tensor.h>

namespace permafrost {

struct GaussianFit {
  at::Tensor mean;        // float64 [D]
  at::Tensor covariance;  // float64 [D,D], divided by n - 1
};

// Of features [n,D]. Throws InputError for n below 2.
GaussianFit gaussian_of(const at::Tensor& features);

double frechet_distance(const GaussianFit& a, const GaussianFit& b);

}  // namespace permafrost
