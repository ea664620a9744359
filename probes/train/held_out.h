// SPDX-License-Identifier: Apache-2.0
#pragma once

// The held-out part of a training split, on which the candidate of a probe is chosen.
#include <cstdint>
#include <vector>

#include "datasets/tasks/fold.h"
#include "probes/encode/features.h"

namespace permafrost {

// Readable training samples cut in two by group: first the part to train on, then the held-out one.
// Throws InputError for fewer than two groups of readable samples.
Fold hold_out(const LabelledFeatures& features, const std::vector<std::int64_t>& groups,
              const std::vector<std::int64_t>& train, double share, std::uint64_t seed);

}  // namespace permafrost
