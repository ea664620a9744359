// SPDX-License-Identifier: Apache-2.0
// A table as JSON, schema permafrost.table.1.
#include <algorithm>

#include "bench/records/record_json.h"
#include "bench/report/tables/table_report.h"
#include "common/json/json_fields.h"

namespace permafrost {
namespace {

OrderedJson interval_json(const Interval& interval) { return {interval.low, interval.high}; }

OrderedJson cell_json(const CellModel& cell, const RowSpec& row, const ColumnSpec& column) {
  OrderedJson json{{"row", row.name}, {"column", column.name}};
  if (cell.available()) {
    const bool splits = cell.repeated.over == SpreadOver::splits;
    json["mean"] = cell.repeated.mean;
    json[splits ? "splits" : "seeds"] = cell.repeated.values;
    json[splits ? "sd_over_splits" : "sd_over_seeds"] = number_or_null(cell.repeated.deviation);
    json[splits ? "ci95_over_splits" : "ci95_over_seeds"] =
        cell.repeated.ci95 ? interval_json(*cell.repeated.ci95) : OrderedJson(nullptr);
    json["ci95_over_samples"] = interval_json(cell.ci95);
    json["encoders"] = cell.encoders;
    json["n"] = cell.n;
    json["n_failed"] = cell.n_failed;
    if (cell.n_untrained > 0) json["n_untrained"] = cell.n_untrained;
    json["records"] = cell.records;
  } else {
    json["not_available"] = cell.unavailable;
  }
  json["paper"] = number_or_null(cell.paper);
  return json;
}

OrderedJson finding_json(const Finding& finding) {
  OrderedJson json{{"claim", finding.text},         {"id", finding.id},
                   {"kind", name_of(finding.kind)}, {"control", finding.control},
                   {"subject", finding.subject},    {"column", finding.place}};
  if (finding.whole || finding.step) json["part"] = finding.whole ? "whole" : "step";
  if (has_margin(finding.kind)) json["margin"] = finding.margin;
  json["gap"] = number_or_null(finding.effect);
  if (finding.effect) {
    json["ci95_over_samples"] = interval_json(finding.ci95);
    if (has_margin(finding.kind)) json["ci90_over_samples"] = interval_json(finding.ci90);
    json["p"] = finding.p;
    json["p_holm"] = finding.p_adjusted;
  }
  json["paper_gap"] = number_or_null(finding.paper);
  std::string verdict = name_of(finding.verdict);
  std::replace(verdict.begin(), verdict.end(), ' ', '_');
  json["verdict"] = verdict;
  json["samples_to_decide"] =
      finding.samples_to_decide ? OrderedJson(*finding.samples_to_decide) : OrderedJson(nullptr);
  if (finding.repeated.size() > 1) json["gap_by_repetition"] = finding.repeated;
  if (finding.over_pretrainings) {
    json["pretrainings_agree"] = finding.pretrainings_agree();
    json["pretrainings_to_decide"] = finding.pretrainings_to_decide
                                         ? OrderedJson(*finding.pretrainings_to_decide)
                                         : OrderedJson(nullptr);
  }
  if (!finding.reason.empty()) json["reason"] = finding.reason;
  return json;
}

OrderedJson rank_json(const RankModel& rank) {
  const auto correlation = [](const RankCorrelation& found) {
    return OrderedJson{{"value", found.value}, {"p", found.p}, {"exact", found.exact}};
  };
  return {{"column", rank.column},
          {"rows", rank.rows},
          {"spearman", correlation(rank.spearman)},
          {"kendall_tau_b", correlation(rank.kendall)}};
}

}  // namespace

OrderedJson to_json(const TableModel& table) {
  OrderedJson columns = OrderedJson::array(), cells = OrderedJson::array(),
              claims = OrderedJson::array(), ranks = OrderedJson::array(),
              rows = OrderedJson::array();
  for (const auto& row : table.spec.rows)
    rows.push_back({{"name", row.name}, {"encoder", row.encoder}, {"floor", row.floor}});
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const ColumnSpec& spec = table.spec.columns[c];
    const ColumnModel& column = table.columns[c];
    columns.push_back({{"name", spec.name},
                       {"stands_for", spec.stands_for.empty() ? OrderedJson(nullptr)
                                                              : OrderedJson(spec.stands_for)},
                       {"task", spec.task},
                       {"task_version", column.task_version},
                       {"protocol", spec.protocol},
                       {"protocol_note", spec.protocol_note},
                       {"n", column.n},
                       {"classes", column.classes},
                       {"metric", column.measure->name()},
                       {"chance", column.chance},
                       {"intervals_over", column.grouped ? "groups of samples" : "samples"}});
    if (column.listed) columns.back()["samples"] = to_json(*column.listed);
  }
  for (std::size_t r = 0; r < table.cells.size(); ++r)
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      cells.push_back(cell_json(table.cells[r][c], table.spec.rows[r], table.spec.columns[c]));
  for (const auto& finding : table.findings) claims.push_back(finding_json(finding));
  for (const auto& rank : table.ranks) ranks.push_back(rank_json(rank));
  OrderedJson json;
  json["schema"] = "permafrost.table.1";
  json["table"] = table.spec.number;
  json["title"] = table.spec.title;
  json["source"] = table.spec.source;
  json["row_title"] = table.spec.row_title;
  json["suite"] = table.context.suite;
  json["suite_title"] = table.context.suite_title;
  json["seeds"] = table.context.seeds;
  json["first_seed"] = table.context.first_seed;
  json["quick"] = table.context.quick;
  json["columns"] = columns;
  json["rows"] = rows;
  json["cells"] = cells;
  json["claims"] = claims;
  json["rank_correlation_with_paper"] = ranks;
  json["known_over_pretraining_seeds"] = !table.one_encoder_a_row;
  return json;
}

}  // namespace permafrost
