// SPDX-License-Identifier: Apache-2.0
#pragma once

// From records to a table: numbers with their spreads, the published ones beside them, and a
// verdict on every claim.
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/records/cell_records.h"
#include "bench/records/record.h"
#include "bench/report/tables/claim_report.h"
#include "bench/statistics/statistics.h"
#include "bench/statistics/statistics_ranks.h"
#include "bench/suites/table_spec.h"

namespace permafrost {

struct CellModel {
  std::string unavailable;  // the reason; the rest but `paper` is then empty
  Spread repeated;          // in the unit: over seeds, or over splits where these differ
  Interval ci95;            // over samples, of the mean of the repetitions
  std::optional<double> paper;
  std::int64_t n = 0, n_failed = 0;  // n_failed: the largest over seeds
  std::int64_t n_untrained = 0;      // training samples that could not be read; the largest too
  std::size_t encoders = 0;          // weights among the repetitions, see encoders_in
  std::vector<std::string> records;  // keys
  bool available() const { return unavailable.empty(); }
};

// What the cells of a column share; zeros where no cell is available.
struct ColumnModel {
  std::int64_t n = 0;
  int classes = 0, task_version = 0;
  const Measure* measure = &default_measure();
  bool grouped = false;  // samples share groups: intervals resample groups
  SpreadOver repeated_over = SpreadOver::seeds;
  std::optional<ListedSamples> listed;
  double chance = 0;  // in the unit of the measure
};

// Whether our column ranks the rows as the paper's does.
struct RankModel {
  std::string column;
  std::vector<std::string> rows;  // those with a number on both sides, at least three
  RankCorrelation spearman, kendall;
};

struct TableContext {
  std::string suite, suite_title;
  int seeds = 1;
  std::uint64_t first_seed = 1;
  bool quick = false;
};

struct TableModel {
  TableSpec spec;
  TableContext context;
  std::vector<ColumnModel> columns;
  std::vector<std::vector<CellModel>> cells;  // [rows][columns]
  std::vector<Finding> findings;
  std::vector<RankModel> ranks;   // of the columns that have one
  bool one_encoder_a_row = true;  // but for floors: nothing is known over pretraining seeds
};

// `inputs` [rows][columns], as the specification orders them.
TableModel build_table(const TableSpec& spec, const TableContext& context,
                       const std::vector<std::vector<TableCell>>& inputs);

// What the numbers are: "Top-1 accuracy in percent (mean average precision in boxes)".
std::string measures_text(const TableModel& table);
// What each spread is a spread of, what the columns are, and what is missing.
std::vector<std::string> notes_of(const TableModel& table);

std::string to_markdown(const TableModel& table);
std::string to_csv(const TableModel& table);         // one line a cell
std::string claims_to_csv(const TableModel& table);  // one line a finding
std::string to_latex(const TableModel& table);  // tabulars with booktabs rules: values, verdicts
OrderedJson to_json(const TableModel& table);   // schema permafrost.table.1

// tableN.md|csv|json|tex|svg and tableN.claims.csv, each atomically.
void write_table(const std::filesystem::path& out, const TableModel& table);

}  // namespace permafrost
