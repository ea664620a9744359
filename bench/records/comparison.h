// SPDX-License-Identifier: Apache-2.0
#pragma once

// Two folders of results, cell by cell: has anything fallen? Behind `permafrost compare`, a gate
// for continuous integration.
//
//   const Comparison found = compare_results("results/baseline", "out", {.tolerance = 1});
//   if (found.regression()) ...
//
// Cells are matched by what they are of (table, row, column and seed, else encoder, task, protocol
// and seed by name), never by their key: other weights are just what is to be compared. Other task
// versions and protocols are not, and are refused.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/records/record.h"
#include "bench/statistics/statistics.h"
#include "bench/statistics/statistics_paired.h"

namespace permafrost {

struct ComparisonOptions {
  double tolerance = 1;        // points of accuracy that may be lost without a word
  bool allow_missing = false;  // cells of the baseline that the candidate lacks are no regression
};

enum class ComparisonMethod {
  mcnemar,           // exact, on the same samples
  paired_bootstrap,  // the same samples, in groups
  intervals          // predictions are missing on a side, or are of other samples
};
const char* name_of(ComparisonMethod method);

enum class CellOutcome { same, within, risen, fallen, missing, added };
const char* name_of(CellOutcome outcome);

struct ComparedCell {
  std::string group, name;                    // "table 1, Features" and "motion, seed 1"
  std::optional<double> baseline, candidate;  // percent
  double change = 0;                          // points, candidate - baseline
  Interval ci95;                              // of the change, over samples
  ComparisonMethod method = ComparisonMethod::mcnemar;
  Discordance discordance;              // only right in the candidate, only in the baseline
  std::optional<double> p, p_adjusted;  // of "no change"; Holm over all cells; none for intervals
  bool other_weights = false;
  std::string baseline_key, candidate_key;
  CellOutcome outcome = CellOutcome::same;
};

struct Comparison {
  ComparisonOptions options;
  std::vector<ComparedCell> cells;  // in order of table, row, column, seed
  bool is_regression(const ComparedCell& cell) const;
  bool regression() const;  // of any cell
  std::size_t count(CellOutcome outcome) const;
};

// A cell has fallen where it lost more than the tolerance and the loss is no chance: the paired
// test has an adjusted p below 0.05, or the interval of the change lies below 0. That interval is
// from the two cells' own by the square-and-add rule where samples cannot be paired (Newcombe 1998,
// Statistics in Medicine 17:873, method 10). `risen` is the same upwards.
//
// Throws InputError for a folder without records, a damaged record, cells of which there are two in
// one folder, different task versions, protocols or evaluation versions (naming the field), and
// folders without a cell in common.
Comparison compare_results(const std::filesystem::path& baseline,
                           const std::filesystem::path& candidate,
                           const ComparisonOptions& options);

std::string to_markdown(const Comparison& comparison);
OrderedJson to_json(const Comparison& comparison);  // schema permafrost.comparison.1
// A test case a cell, for the CI server's test report.
std::string to_junit(const Comparison& comparison);

}  // namespace permafrost
