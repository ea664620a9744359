// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is true of a sample and what was said of it: a line of a predictions file, and what
// measures are computed from.
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/target.h"

namespace permafrost {

struct Prediction {
  std::string sample;  // name in its source
  Target target;
  int predicted = -1;  // class; -1: could not be read, counts as wrong
  std::int64_t group = 0;
  // One a class, where the measure needs them; empty too where the sample could not be read.
  std::vector<float> scores = {};
  bool operator==(const Prediction&) const = default;
};

}  // namespace permafrost
