// SPDX-License-Identifier: Apache-2.0
#pragma once

// One number of a table as it was measured: its records over seeds. For tables and claims.
#include <string>
#include <vector>

#include "bench/records/record.h"
#include "bench/statistics/statistics_spread.h"

namespace permafrost {

// The records of one cell, one a seed; or why there are none.
struct CellRecords {
  std::vector<Record> seeds;
  std::string unavailable;
};

// Why the cell has no number; empty where it has one.
std::string why_missing(const CellRecords& cell);

// Sample by sample, the mean over the cell's seeds of what the measure says.
std::vector<double> mean_sample_values(const CellRecords& cell);

// The same samples with the same labels in the same order; boxes are not in their files.
bool same_samples(const Record& a, const Record& b);

// What the cell's repetitions differ in: `splits` where the training subsets do, else `seeds`.
SpreadOver repeated_over(const CellRecords& cell);

// Encoders that differ in their weights among the repetitions: pretraining seeds, if any.
std::size_t encoders_in(const CellRecords& cell);

}  // namespace permafrost
