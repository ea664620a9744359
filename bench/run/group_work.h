// SPDX-License-Identifier: Apache-2.0
#pragma once

// The estimated work of a group of cells, part by part: for the progress bar, and for dealing
// groups to shards.
#include <cstdint>
#include <vector>

#include "bench/run/plan.h"

namespace permafrost {

// About milliseconds of one core, in whole numbers of at least 1.
struct GroupUnits {
  std::int64_t encode = 0;                       // 0 for fine-tuning
  std::vector<std::vector<std::int64_t>> folds;  // [cells][folds]
  std::int64_t total() const;
};

GroupUnits units_of(const Plan& plan, const PlannedGroup& group);

}  // namespace permafrost
