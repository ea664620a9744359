// SPDX-License-Identifier: Apache-2.0
#include "bench/report/tables/table_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/records/record_json.h"
#include "common/error.h"

namespace permafrost {
namespace {

constexpr std::int64_t kMost = 1'000'000'000'000;

const Json& list_of(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  if (json == nullptr || !json->is_array())
    throw InputError(object.where(key), "", "an array", json == nullptr ? "no such key" : "other");
  return *json;
}

// Null and missing are the same.
std::optional<double> optional_number(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  if (json == nullptr || json->is_null()) return std::nullopt;
  return object.number(key);
}

std::optional<std::int64_t> optional_count(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  if (json == nullptr || json->is_null()) return std::nullopt;
  return object.integer(key, {}, 0, kMost);
}

std::string optional_text(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  return json == nullptr || json->is_null() ? std::string() : object.text(key);
}

std::optional<Interval> optional_interval(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  if (json == nullptr || json->is_null()) return std::nullopt;
  const auto ends = object.numbers(key);
  if (ends.size() != 2)
    throw InputError(object.where(key), "", "two numbers", std::to_string(ends.size()));
  return Interval{ends[0], ends[1]};
}

Interval interval(JsonObject& object, const std::string& key) {
  const auto found = optional_interval(object, key);
  if (!found) throw InputError(object.where(key), "", "two numbers", "nothing");
  return *found;
}

template <class Enum>
Enum named(const std::string& name, const std::vector<Enum>& values, const std::string& where) {
  for (const Enum value : values) {
    std::string known = name_of(value);
    std::replace(known.begin(), known.end(), ' ', '_');
    if (known == name) return value;
  }
  throw InputError(where, "", "a name that this program knows", quoted(name));
}

// `metric` is the table's, in files from before columns had their own.
void read_column(const Json& json, const std::string& where, const std::string& metric,
                 TableModel& table) {
  JsonObject object(json, where);
  ColumnSpec spec;
  spec.name = object.text("name");
  spec.stands_for = optional_text(object, "stands_for");
  spec.task = object.text("task");
  spec.protocol = object.text("protocol");
  spec.protocol_note = optional_text(object, "protocol_note");
  ColumnModel column;
  column.n = object.integer("n", {}, 0, kMost);
  column.classes = static_cast<int>(object.integer("classes", {}, 0, 1'000'000));
  column.measure = &measure_named(object.text("metric", metric), object.where("metric"), "");
  column.chance = object.number("chance", chance_of(*column.measure, column.classes));
  column.task_version = static_cast<int>(object.integer("task_version", {}, 0, 1'000'000));
  column.grouped = object.choice("intervals_over", {"samples", "groups of samples"}) != "samples";
  column.listed = read_listed(object);
  table.spec.columns.push_back(std::move(spec));
  table.columns.push_back(column);
}

void require_key(const std::string& key, const std::string& where) {
  const bool hex = std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!hex || key.size() != 64)
    throw InputError(where, "records", "keys of 64 hexadecimal digits", quoted(key));
}

CellModel read_cell(JsonObject& object, const std::string& where) {
  CellModel cell;
  cell.unavailable = optional_text(object, "not_available");
  cell.paper = optional_number(object, "paper");
  if (!cell.available()) return cell;
  const bool splits = object.has("splits");
  const std::string over = splits ? "splits" : "seeds";
  cell.repeated.over = splits ? SpreadOver::splits : SpreadOver::seeds;
  cell.repeated.values = object.numbers(over);
  cell.repeated.mean = object.number("mean", {}, 0, 100);
  cell.repeated.deviation = optional_number(object, "sd_over_" + over);
  cell.repeated.ci95 = optional_interval(object, "ci95_over_" + over);
  cell.ci95 = interval(object, "ci95_over_samples");
  cell.n = object.integer("n", {}, 0, kMost);
  cell.n_failed = object.integer("n_failed", {}, 0, cell.n);
  cell.n_untrained = object.integer("n_untrained", 0, 0, kMost);
  cell.encoders = static_cast<std::size_t>(object.integer("encoders", 1, 1, 1'000'000));
  cell.records = object.texts("records");
  for (const auto& key : cell.records) require_key(key, where);
  if (cell.records.size() != cell.repeated.values.size())
    throw InputError(where, "records", std::to_string(cell.repeated.values.size()) + " keys",
                     std::to_string(cell.records.size()));
  return cell;
}

// Rows are those that the cells name, in order; files from before "rows" was written name no
// encoder.
void read_cells(const Json& cells, const std::string& where, TableModel& table) {
  const std::size_t columns = table.spec.columns.size();
  if (columns == 0 || cells.empty() || cells.size() % columns != 0)
    throw InputError(where, "cells", "rows x " + std::to_string(columns) + " columns",
                     std::to_string(cells.size()) + " cells");
  for (std::size_t k = 0; k < cells.size(); ++k) {
    const std::string at = where + ":/cells/" + std::to_string(k);
    JsonObject object(cells[k], at);
    const std::string row = object.text("row");
    const ColumnSpec& column = table.spec.columns[k % columns];
    if (k % columns == 0) {
      table.spec.rows.push_back({.name = row});
      table.cells.emplace_back();
    }
    if (row != table.spec.rows.back().name || object.text("column") != column.name)
      throw InputError(at, "",
                       "the cell of row " + quoted(table.spec.rows.back().name) + " and column " +
                           quoted(column.name),
                       "another");
    CellModel cell = read_cell(object, at);
    if (cell.paper) table.spec.rows.back().paper[column.name] = *cell.paper;
    if (cell.available()) table.columns[k % columns].repeated_over = cell.repeated.over;
    table.cells.back().push_back(std::move(cell));
  }
}

void read_rows(const Json* rows, const std::string& where, TableModel& table) {
  if (rows == nullptr) return;
  if (!rows->is_array() || rows->size() != table.spec.rows.size())
    throw InputError(where, "rows", std::to_string(table.spec.rows.size()) + " of them", "other");
  for (std::size_t r = 0; r < rows->size(); ++r) {
    JsonObject object((*rows)[r], where + ":/rows/" + std::to_string(r));
    RowSpec& row = table.spec.rows[r];
    if (object.text("name") != row.name)
      throw InputError(where, "rows", quoted(row.name), quoted(object.text("name")));
    row.encoder = object.text("encoder");
    row.floor = object.boolean("floor");
  }
}

// What p speaks for. With a margin, a file tells it by whether pretrainings agree.
bool direction_of(const Finding& finding, JsonObject& object) {
  const double effect = finding.effect.value_or(0);
  if (!has_margin(finding.kind) || !finding.over_pretrainings || finding.repeated.empty())
    return finding.holds_for(effect);
  return object.boolean("pretrainings_agree") == finding.holds_for(finding.repeated[0]);
}

Finding read_finding(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  Finding finding;
  finding.text = object.text("claim");
  finding.id = object.text("id");
  finding.kind = named<ClaimKind>(object.text("kind"),
                                  {ClaimKind::greater, ClaimKind::equivalent, ClaimKind::not_worse,
                                   ClaimKind::order, ClaimKind::difference_of_gaps},
                                  object.where("kind"));
  finding.control = object.boolean("control");
  finding.subject = object.text("subject");
  finding.place = object.text("column");
  const std::string part = optional_text(object, "part");
  finding.whole = part == "whole";
  finding.step = part == "step";
  finding.margin = object.number("margin", 0.0, 0, 100);
  finding.effect = optional_number(object, "gap");
  if (finding.effect) {
    finding.ci95 = interval(object, "ci95_over_samples");
    finding.ci90 = optional_interval(object, "ci90_over_samples").value_or(Interval{});
    finding.p = object.number("p", {}, 0, 1);
    finding.p_adjusted = object.number("p_holm", {}, 0, 1);
  }
  finding.paper = optional_number(object, "paper_gap");
  finding.verdict = named<Verdict>(object.text("verdict"), {kVerdicts.begin(), kVerdicts.end()},
                                   object.where("verdict"));
  finding.samples_to_decide = optional_count(object, "samples_to_decide");
  finding.repeated = object.numbers("gap_by_repetition", std::vector<double>{});
  finding.over_pretrainings = object.has("pretrainings_agree");
  finding.favourable = direction_of(finding, object);
  finding.pretrainings_to_decide = optional_count(object, "pretrainings_to_decide");
  finding.reason = optional_text(object, "reason");
  return finding;
}

RankCorrelation read_correlation(JsonObject& object, const std::string& key) {
  const Json* json = object.child(key);
  if (json == nullptr) throw InputError(object.where(key), "", "an object", "no such key");
  JsonObject found(*json, object.where(key));
  return {.value = found.number("value", {}, -1, 1),
          .p = found.number("p", {}, 0, 1),
          .exact = found.boolean("exact")};
}

RankModel read_rank(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  RankModel rank;
  rank.column = object.text("column");
  rank.rows = object.texts("rows");
  rank.spearman = read_correlation(object, "spearman");
  rank.kendall = read_correlation(object, "kendall_tau_b");
  return rank;
}

}  // namespace

TableModel read_table_json(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  object.choice("schema", {"permafrost.table.1"});
  const std::string metric = object.text("metric", default_measure().name());
  TableModel table;
  table.spec.number = static_cast<int>(object.integer("table", {}, 0, 1000));
  table.spec.title = object.text("title");
  table.spec.source = optional_text(object, "source");
  table.spec.row_title = object.text("row_title", "row");
  table.context = {.suite = object.text("suite"),
                   .suite_title = object.text("suite_title", ""),
                   .seeds = static_cast<int>(object.integer("seeds", {}, 1, 1'000'000)),
                   .first_seed = static_cast<std::uint64_t>(object.integer("first_seed", 1, 0)),
                   .quick = object.boolean("quick")};
  for (const auto& column : list_of(object, "columns")) read_column(column, where, metric, table);
  read_cells(list_of(object, "cells"), where, table);
  read_rows(object.child("rows"), where, table);
  for (const auto& finding : list_of(object, "claims"))
    table.findings.push_back(read_finding(finding, where + ":/claims"));
  for (const auto& rank : list_of(object, "rank_correlation_with_paper"))
    table.ranks.push_back(read_rank(rank, where + ":/rank_correlation_with_paper"));
  table.one_encoder_a_row = !object.boolean("known_over_pretraining_seeds", false);
  return table;
}

}  // namespace permafrost
