// SPDX-License-Identifier: Apache-2.0
#pragma once

// Mean average precision in percent: the mean over the classes, each against the rest, of samples
// of one class each (AVA's boxes) or of any number of classes (Charades).
#include <memory>

#include "datasets/measures/measure.h"

namespace permafrost {

// A sample's value is its pseudo-value, see average_precision_values().
std::unique_ptr<Measure> make_mean_average_precision();

}  // namespace permafrost
