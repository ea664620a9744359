// SPDX-License-Identifier: Apache-2.0
#pragma once

// Average precision of scores, and what each sample has to do with it.
#include <optional>
#include <vector>

#include "datasets/target.h"

namespace permafrost {

// Area under the precision-recall steps without interpolation, as scikit-learn defines it: the sum
// over thresholds of (recall gained) * precision; samples of one score pass the threshold together,
// so their order does not matter. 0 to 1; none where nothing is positive. Every sample is given
// once. Throws Error for unequal lengths.
std::optional<double> average_precision(const std::vector<double>& scores,
                                        const std::vector<bool>& positive);

// Mean over the classes, each against the rest; classes without a positive sample are left out.
// `scores` [n][classes], `targets` [n] of one class or of several in 0 .. classes-1. None where no
// class is left.
std::optional<double> mean_average_precision(const std::vector<std::vector<double>>& scores,
                                             const std::vector<Target>& targets);

// Mean average precision as a value a sample whose mean it is: the jackknife's pseudo-values n *
// mAP - (n - 1) * mAP without the sample (Tukey 1958; Efron & Tibshirani 1993, 11), shifted so that
// their mean is mAP itself. So the intervals and paired tests over samples serve mAP as well, and a
// sample counts with what it does to the ranks of others. Values may lie outside of 0 to 1. A
// sample without scores could not be read: its own precision is 0, and it outranks nobody. `scores`
// [n][classes] or [n][0], `targets` [n]. Throws Error for other sizes. Takes about n * n steps for
// every class a sample.
std::vector<double> average_precision_values(const std::vector<std::vector<float>>& scores,
                                             const std::vector<Target>& targets);

}  // namespace permafrost
