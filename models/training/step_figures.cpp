// SPDX-License-Identifier: Apache-2.0
#include "models/training/step_figures.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "common/error.h"

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

// A name, a zero byte, two doubles as they lie in memory.
std::string StepFigures::to_bytes() const {
  std::string bytes;
  for (const auto& entry : entries_) {
    bytes += entry.name;
    bytes += '\0';
    for (const double number : {entry.sum, entry.weight})
      bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  return bytes;
}

StepFigures StepFigures::of_bytes(const std::string& bytes) {
  StepFigures figures;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto end = bytes.find('\0', at);
    if (end == std::string::npos || bytes.size() - end - 1 < 2 * sizeof(double))
      throw Error("figures of another process are cut off");
    Entry entry{.name = bytes.substr(at, end - at)};
    std::memcpy(&entry.sum, bytes.data() + end + 1, sizeof(double));
    std::memcpy(&entry.weight, bytes.data() + end + 1 + sizeof(double), sizeof(double));
    figures.entries_.push_back(std::move(entry));
    at = end + 1 + 2 * sizeof(double);
  }
  return figures;
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
