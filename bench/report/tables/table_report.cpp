// SPDX-License-Identifier: Apache-2.0
#include "bench/report/tables/table_report.h"

#include <algorithm>

#include "bench/report/tables/figure.h"
#include "common/files/files.h"

namespace permafrost {
namespace {

CellModel model_of(const TableCell& input, const std::optional<double>& paper) {
  CellModel cell{.unavailable = why_missing(input), .paper = paper};
  if (!cell.available()) return cell;
  std::vector<double> values;
  for (const auto& record : input.seeds) {
    values.push_back(record.value);
    cell.records.push_back(record.key);
    cell.n_failed = std::max(cell.n_failed, record.n_failed());
    cell.n_untrained =
        std::max(cell.n_untrained, static_cast<std::int64_t>(record.training_failures.size()));
  }
  cell.repeated = spread_of(values, repeated_over(input));
  cell.n = input.seeds[0].n();
  cell.encoders = encoders_in(input);
  cell.ci95 = interval_over_samples(*input.seeds[0].measure, mean_sample_values(input),
                                    groups_of(input.seeds[0]));
  return cell;
}

std::vector<RankModel> ranks_of(const TableModel& table) {
  std::vector<RankModel> ranks;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    RankModel rank{.column = table.spec.columns[c].name};
    std::vector<double> ours, published;
    for (std::size_t r = 0; r < table.cells.size(); ++r) {
      const CellModel& cell = table.cells[r][c];
      if (!cell.available() || !cell.paper) continue;
      rank.rows.push_back(table.spec.rows[r].name);
      ours.push_back(cell.repeated.mean);
      published.push_back(*cell.paper);
    }
    const auto rho = spearman(ours, published), tau = kendall(ours, published);
    if (!rho || !tau) continue;
    rank.spearman = *rho;
    rank.kendall = *tau;
    ranks.push_back(std::move(rank));
  }
  return ranks;
}

}  // namespace

TableModel build_table(const TableSpec& spec, const TableContext& context,
                       const std::vector<std::vector<TableCell>>& inputs) {
  TableModel table{.spec = spec, .context = context};
  table.columns.resize(spec.columns.size());
  for (std::size_t r = 0; r < spec.rows.size(); ++r) {
    auto& row = table.cells.emplace_back();
    for (std::size_t c = 0; c < spec.columns.size(); ++c) {
      const auto paper = spec.rows[r].paper.find(spec.columns[c].name);
      row.push_back(model_of(inputs[r][c], paper == spec.rows[r].paper.end()
                                               ? std::optional<double>{}
                                               : paper->second));
      if (!row.back().available()) continue;
      const Record& record = inputs[r][c].seeds[0];
      table.columns[c] = {
          .n = record.n(),
          .classes = record.task.classes,
          .task_version = record.task.version,
          .measure = record.measure,
          .grouped = !groups_of(record).empty(),
          .repeated_over = row.back().repeated.over,
          .listed = record.task.listed,
          .chance = chance_of(*record.measure, record.task.classes, record.predictions)};
      if (!spec.rows[r].floor && encoders_in(inputs[r][c]) > 1) table.one_encoder_a_row = false;
    }
  }
  table.findings = judge_claims(spec, inputs);
  table.ranks = ranks_of(table);
  return table;
}

void write_table(const std::filesystem::path& out, const TableModel& table) {
  const std::string name = "table" + std::to_string(table.spec.number);
  write_file_atomically(out / (name + ".md"), to_markdown(table));
  write_file_atomically(out / (name + ".csv"), to_csv(table));
  write_file_atomically(out / (name + ".claims.csv"), claims_to_csv(table));
  write_file_atomically(
      out / (name + ".json"),
      to_json(table).dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
  write_file_atomically(out / (name + ".tex"), to_latex(table));
  write_file_atomically(out / (name + ".svg"), to_svg(table));
}

}  // namespace permafrost
