// SPDX-License-Identifier: Apache-2.0
#include "models/training/step_figures.h"

#include <algorithm>
#include <limits>

namespace permafrost {

void StepFigures::add(const std::string& name, double sum, double weight) {
  const auto it = std::find_if(entries_.begin(), entries_.end(),
                               [&](const Entry& entry) { return entry.name == name; });
  if (it == entries_.end()) {
    entries_.push_back({name, sum, weight});
    return;
  }
  it->sum += sum;
  it->weight += weight;
}

void StepFigures::add(const StepFigures& other) {
  for (const auto& entry : other.entries_) add(entry.name, entry.sum, entry.weight);
}

NamedNumbers StepFigures::means() const {
  NamedNumbers means;
  for (const auto& entry : entries_)
    means.emplace_back(entry.name, entry.weight == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                     : entry.sum / entry.weight);
  return means;
}

double number_named(const NamedNumbers& numbers, const std::string& name) {
  for (const auto& [known, number] : numbers)
    if (known == name) return number;
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace permafrost
