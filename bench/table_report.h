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

#include "bench/record.h"
#include "bench/statistics.h"
#include "bench/table_spec.h"

namespace permafrost {

// The records of one cell, one a seed; or why there are none.
struct CellInput {
  std::vector<Record> seeds;
  std::string unavailable;
};

struct CellModel {
  std::string unavailable;          // the reason; the rest but `paper` is then empty
  std::vector<double> seed_values;  // percent
  double mean = 0;                  // over seeds
  std::optional<double> deviation;  // over seeds; none for one seed
  Interval ci95;                    // over samples, of the mean
  std::optional<double> paper;
  std::int64_t n = 0, n_failed = 0;  // n_failed: the largest over seeds
  std::vector<std::string> records;  // keys
  bool available() const { return unavailable.empty(); }
};

enum class Verdict { supported, contradicted, undecided, not_available };

// One claim in one column.
struct GapModel {
  std::string text, column, better, worse;
  ClaimKind kind = ClaimKind::greater;
  double margin = 0;
  std::optional<double> gap, paper_gap;  // points, better - worse
  Interval ci95;                         // paired bootstrap over samples
  Verdict verdict = Verdict::not_available;
  std::string reason;  // where not available
};

// What the cells of a column share; zeros where no cell is available.
struct ColumnModel {
  std::int64_t n = 0;
  int classes = 0, task_version = 0;
  bool grouped = false;  // samples share groups: intervals resample groups
  double chance() const { return classes > 0 ? 100.0 / classes : 0; }
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
  std::vector<GapModel> gaps;
};

// `inputs` [rows][columns], as the specification orders them.
TableModel build_table(const TableSpec& spec, const TableContext& context,
                       const std::vector<std::vector<CellInput>>& inputs);

// "greater": whether the interval lies above or below 0. "match": whether it lies within +-margin,
// or outside of it.
Verdict verdict_of(ClaimKind kind, const Interval& ci95, double margin);
const char* name_of(Verdict verdict);

std::string to_markdown(const TableModel& table);
std::string to_csv(const TableModel& table);    // one line a cell
std::string to_latex(const TableModel& table);  // tabular with booktabs rules
OrderedJson to_json(const TableModel& table);   // schema permafrost.table.1

// tableN.md|csv|json|tex|svg, each atomically.
void write_table(const std::filesystem::path& out, const TableModel& table);

}  // namespace permafrost
