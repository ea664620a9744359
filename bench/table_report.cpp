// SPDX-License-Identifier: Apache-2.0
#include "bench/table_report.h"

#include <algorithm>

#include "bench/figure.h"
#include "common/error.h"
#include "common/files.h"

namespace permafrost {
namespace {

std::vector<std::vector<double>> seed_scores(const CellInput& cell) {
  std::vector<std::vector<double>> scores;
  for (const auto& record : cell.seeds) scores.push_back(scores_of(record));
  return scores;
}

CellModel model_of(const CellInput& input, const std::optional<double>& paper) {
  CellModel cell{.unavailable = input.unavailable, .paper = paper};
  if (cell.available() && input.seeds.empty()) cell.unavailable = "no records";
  if (!cell.available()) return cell;
  for (const auto& record : input.seeds) {
    cell.seed_values.push_back(record.value);
    cell.records.push_back(record.key);
    cell.n_failed = std::max(cell.n_failed, record.n_failed());
  }
  cell.n = input.seeds[0].n();
  cell.mean = mean_of(cell.seed_values);
  if (cell.seed_values.size() > 1) cell.deviation = deviation_of(cell.seed_values);
  cell.ci95 = bootstrap_interval(mean_scores(seed_scores(input)), groups_of(input.seeds[0]),
                                 kAccuracyRange);
  return cell;
}

bool same_samples(const Record& a, const Record& b) {
  return std::equal(a.predictions.begin(), a.predictions.end(), b.predictions.begin(),
                    b.predictions.end(), [](const Prediction& x, const Prediction& y) {
                      return x.sample == y.sample && x.label == y.label;
                    });
}

std::size_t place_of(const auto& things, const std::string& name) {
  for (std::size_t i = 0; i < things.size(); ++i)
    if (things[i].name == name) return i;
  throw Error("table: no " + quoted(name));
}

void measure(GapModel& gap, const CellInput& better, const CellInput& worse) {
  for (const auto* cell : {&better, &worse}) {
    if (!cell->unavailable.empty()) gap.reason = cell->unavailable;
    if (gap.reason.empty() && cell->seeds.empty()) gap.reason = "no records";
  }
  if (gap.reason.empty() && !same_samples(better.seeds[0], worse.seeds[0]))
    gap.reason = "the two cells were measured on different samples";
  if (!gap.reason.empty()) return;
  const auto gaps = differences(mean_scores(seed_scores(better)), mean_scores(seed_scores(worse)));
  gap.gap = mean_of(gaps);
  gap.ci95 = bootstrap_interval(gaps, groups_of(better.seeds[0]), kGapRange);
  gap.verdict = verdict_of(gap.kind, gap.ci95, gap.margin);
}

std::vector<GapModel> gaps_of(const TableSpec& spec,
                              const std::vector<std::vector<CellInput>>& inputs) {
  std::vector<GapModel> gaps;
  for (const auto& claim : spec.claims) {
    const std::size_t better = place_of(spec.rows, claim.better);
    const std::size_t worse = place_of(spec.rows, claim.worse);
    for (const auto& column : claim.columns) {
      GapModel gap{.text = claim.text,
                   .column = column,
                   .better = claim.better,
                   .worse = claim.worse,
                   .kind = claim.kind,
                   .margin = claim.margin};
      const auto& a = spec.rows[better].paper;
      const auto& b = spec.rows[worse].paper;
      if (a.contains(column) && b.contains(column)) gap.paper_gap = a.at(column) - b.at(column);
      const std::size_t c = place_of(spec.columns, column);
      measure(gap, inputs[better][c], inputs[worse][c]);
      gaps.push_back(std::move(gap));
    }
  }
  return gaps;
}

OrderedJson optional_json(const std::optional<double>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

OrderedJson cell_json(const CellModel& cell, const RowSpec& row, const ColumnSpec& column) {
  OrderedJson json{{"row", row.name}, {"column", column.name}};
  if (cell.available()) {
    json["mean"] = cell.mean;
    json["seeds"] = cell.seed_values;
    json["sd_over_seeds"] = optional_json(cell.deviation);
    json["ci95_over_samples"] = {cell.ci95.low, cell.ci95.high};
    json["n"] = cell.n;
    json["n_failed"] = cell.n_failed;
    json["records"] = cell.records;
  } else {
    json["not_available"] = cell.unavailable;
  }
  json["paper"] = optional_json(cell.paper);
  return json;
}

OrderedJson gap_json(const GapModel& gap) {
  OrderedJson json{
      {"claim", gap.text},    {"kind", gap.kind == ClaimKind::match ? "match" : "greater"},
      {"better", gap.better}, {"worse", gap.worse},
      {"column", gap.column}, {"gap", optional_json(gap.gap)}};
  if (gap.kind == ClaimKind::match) json["margin"] = gap.margin;
  if (gap.gap) json["ci95_over_samples"] = {gap.ci95.low, gap.ci95.high};
  json["paper_gap"] = optional_json(gap.paper_gap);
  json["verdict"] = name_of(gap.verdict);
  if (!gap.reason.empty()) json["reason"] = gap.reason;
  return json;
}

}  // namespace

TableModel build_table(const TableSpec& spec, const TableContext& context,
                       const std::vector<std::vector<CellInput>>& inputs) {
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
      table.columns[c] = {.n = record.n(),
                          .classes = record.task.classes,
                          .task_version = record.task.version,
                          .grouped = !groups_of(record).empty()};
    }
  }
  table.gaps = gaps_of(spec, inputs);
  return table;
}

Verdict verdict_of(ClaimKind kind, const Interval& ci95, double margin) {
  if (kind == ClaimKind::greater) {
    if (ci95.low > 0) return Verdict::supported;
    return ci95.high < 0 ? Verdict::contradicted : Verdict::undecided;
  }
  if (ci95.low >= -margin && ci95.high <= margin) return Verdict::supported;
  return ci95.low > margin || ci95.high < -margin ? Verdict::contradicted : Verdict::undecided;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::supported:
      return "supported";
    case Verdict::contradicted:
      return "contradicted";
    case Verdict::undecided:
      return "undecided";
    default:
      return "not available";
  }
}

OrderedJson to_json(const TableModel& table) {
  OrderedJson columns = OrderedJson::array(), cells = OrderedJson::array(),
              gaps = OrderedJson::array();
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const ColumnSpec& spec = table.spec.columns[c];
    const ColumnModel& column = table.columns[c];
    columns.push_back({{"name", spec.name},
                       {"stands_for", spec.stands_for.empty() ? OrderedJson(nullptr)
                                                              : OrderedJson(spec.stands_for)},
                       {"task", spec.task},
                       {"task_version", column.task_version},
                       {"protocol", spec.protocol},
                       {"n", column.n},
                       {"classes", column.classes},
                       {"chance", column.chance()},
                       {"intervals_over", column.grouped ? "groups of samples" : "samples"}});
  }
  for (std::size_t r = 0; r < table.cells.size(); ++r)
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      cells.push_back(cell_json(table.cells[r][c], table.spec.rows[r], table.spec.columns[c]));
  for (const auto& gap : table.gaps) gaps.push_back(gap_json(gap));
  OrderedJson json;
  json["schema"] = "permafrost.table.1";
  json["table"] = table.spec.number;
  json["title"] = table.spec.title;
  json["source"] = table.spec.source;
  json["suite"] = table.context.suite;
  json["seeds"] = table.context.seeds;
  json["quick"] = table.context.quick;
  json["metric"] = "top1";
  json["columns"] = columns;
  json["cells"] = cells;
  json["claims"] = gaps;
  return json;
}

void write_table(const std::filesystem::path& out, const TableModel& table) {
  const std::string name = "table" + std::to_string(table.spec.number);
  write_file_atomically(out / (name + ".md"), to_markdown(table));
  write_file_atomically(out / (name + ".csv"), to_csv(table));
  write_file_atomically(
      out / (name + ".json"),
      to_json(table).dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
  write_file_atomically(out / (name + ".tex"), to_latex(table));
  write_file_atomically(out / (name + ".svg"), to_svg(table));
}

}  // namespace permafrost
