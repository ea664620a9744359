// SPDX-License-Identifier: Apache-2.0
#pragma once

// Why is a released head no better than guessing? What can be told from labels and predictions
// alone: chance, predictions that are nearly all one class, and classes in another order.
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/statistics/statistics.h"

namespace permafrost {

struct Diagnosis {
  double chance = 0;    // percent: 100 / classes
  double majority = 0;  // percent: always naming the most frequent label
  // The interval does not lie above both (of the majority where labels differ).
  bool at_chance = false;
  int most_predicted = -1;     // class that is named most often
  double predicted_share = 0;  // percent of the read samples
  // Accuracy when the head's classes are renamed as fits best: the names are fitted on one half of
  // the samples of every class and counted on the other, both ways, so that it is not flattered.
  double renamed = 0;
  Interval renamed_ci95;      // Wilson
  bool other_order = false;   // it is clearly above what was measured, and above chance
  std::vector<int> renaming;  // [classes] label that fits the predicted class best
  std::string pattern;        // how the order differs, where that is recognised
};

// Both are class numbers of the task; a prediction of -1 was not read. `ci95` is the interval of
// the accuracy. `class_names` may be empty.
Diagnosis diagnose(const std::vector<int>& labels, const std::vector<int>& predictions, int classes,
                   const Interval& ci95, const std::vector<std::string>& class_names = {});

// How many samples of a label were predicted as a class: {predicted, label}, what is 0 left out.
using Confusion = std::map<std::pair<int, int>, std::int64_t>;

// The one-to-one renaming of predicted classes to labels under which most samples agree (Hungarian
// method, Kuhn 1955, with potentials; for more than 512 classes greedily, largest first). Among
// equals, classes keep their number.
std::vector<int> best_renaming(const Confusion& counts, int classes);

}  // namespace permafrost
