// SPDX-License-Identifier: Apache-2.0
#pragma once

// One number of a table as it was measured: its records over seeds. For tables and claims.
#include <cstddef>
#include <string>
#include <vector>

#include "bench/records/record.h"
#include "bench/statistics/statistics_spread.h"

namespace permafrost {

// One cell of a table on its way from the plan to the page: what is planned for it, then the
// records of that, one a seed; or why there are none.
struct TableCell {
  std::vector<Record> seeds;
  std::string unavailable;
  std::vector<std::size_t> planned =
      {};  // cells of the plan, one a seed; empty in folders of results
};

// Why the cell has no number; empty where it has one.
std::string why_missing(const TableCell& cell);

// Sample by sample, the mean over the cell's seeds of what the measure says.
std::vector<double> mean_sample_values(const TableCell& cell);

// The same samples with the same labels in the same order; boxes are not in their files.
bool same_samples(const Record& a, const Record& b);

// What the cell's repetitions differ in: `splits` where the training subsets do, else `seeds`.
SpreadOver repeated_over(const TableCell& cell);

// Encoders that differ in their weights among the repetitions: pretraining seeds, if any.
std::size_t encoders_in(const TableCell& cell);

}  // namespace permafrost
