// SPDX-License-Identifier: Apache-2.0
#pragma once

// Few labels: a random part of a training side, for low-shot probes.
//
//   fold.train = label_subset(features.targets, task.groups, fold.train, 0.05, seed);
#include <cstdint>
#include <vector>

#include "datasets/target.h"

namespace permafrost {

// The same share `fraction` (0 < fraction <= 1) of every class of `train`, rounded, at least one
// sample each; drawn by stream (seed, "task.low_shot"). Groups come whole or not at all: one is
// taken where that brings the classes nearer to their shares, so that with groups of several
// samples the sizes are near and not exact. `targets` and `groups` are those of all samples; the
// result is ascending. Subsets of two fractions are drawn apart: they are not nested.
std::vector<std::int64_t> label_subset(const std::vector<Target>& targets,
                                       const std::vector<std::int64_t>& groups,
                                       const std::vector<std::int64_t>& train, double fraction,
                                       std::uint64_t seed);

}  // namespace permafrost
