// SPDX-License-Identifier: Apache-2.0
#pragma once

// Top-1 accuracy: right answers of all samples, in percent (law 3: correct / n over unique
// samples).
#include <memory>
#include <vector>

#include "datasets/measures/measure.h"

namespace permafrost {

std::unique_ptr<Measure> make_top1();

// 100 for a prediction that is the label, else 0; a prediction of -1 is wrong. Throws Error for
// unequal lengths.
std::vector<double> right_or_wrong(const std::vector<int>& labels,
                                   const std::vector<int>& predictions);

}  // namespace permafrost
