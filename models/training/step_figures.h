// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a step tells of itself besides its loss: numbers with a name, each a mean.
//
//   StepFigures figures;
//   figures.add("loss_quiet", 3.0, 2);   // a sum of 1.5 over 2 samples each
//   figures.add("loss_quiet", 1.0, 1);
//   figures.means();                     // {{"loss_quiet", (3 + 1) / 3}}
#include <string>
#include <utility>
#include <vector>

namespace permafrost {

using NamedNumbers = std::vector<std::pair<std::string, double>>;

class StepFigures {
 public:
  // `sum` over `weight` samples, tokens or whatever is counted. A weight of 0 keeps the figure its
  // place in the order.
  void add(const std::string& name, double sum, double weight = 1);
  // All of another's.
  void add(const StepFigures& other);
  // Sums and weights as bytes, for another process; the same bits come back. Throws Error for bytes
  // that are none of its.
  std::string to_bytes() const;
  static StepFigures of_bytes(const std::string& bytes);
  // In the order in which names were first added; NaN where nothing was counted.
  NamedNumbers means() const;

 private:
  struct Entry {
    std::string name;
    double sum = 0, weight = 0;
  };
  std::vector<Entry> entries_;
};

// The number of that name; NaN where there is none.
double number_named(const NamedNumbers& numbers, const std::string& name);

}  // namespace permafrost
