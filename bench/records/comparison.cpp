// SPDX-License-Identifier: Apache-2.0
#include "bench/records/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "bench/records/cell_records.h"
#include "bench/records/record_folder.h"
#include "common/error.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr double kLevel = 0.05;

struct Side {
  fs::path folder;
  std::vector<StoredRecord> records;
  // What a cell is of -> its records.
  std::map<std::string, std::vector<std::size_t>> by_place, by_name;
};

std::string seed_text(const Record& record) { return "seed " + std::to_string(record.seed); }

std::vector<std::string> places_of(const Record& record) {
  std::vector<std::string> places;
  for (const auto& use : record.used_by)
    if (use.table > 0)
      places.push_back("table " + std::to_string(use.table) + "\n" + use.row + "\n" + use.column +
                       "\n" + seed_text(record));
  return places;
}

std::string name_of(const Record& record) {
  return record.encoder.name + "\n" + record.task.name + "\n" +
         record.protocol.value("name", std::string()) + "\n" +
         record.protocol.value("kind", std::string()) + "\n" + seed_text(record);
}

Side read_side(const fs::path& folder) {
  Side side{.folder = folder, .records = read_stored_records(folder)};
  if (side.records.empty()) throw InputError((folder / "records").string(), "", "records", "none");
  for (std::size_t i = 0; i < side.records.size(); ++i) {
    const Record& record = side.records[i].record;
    for (const auto& place : places_of(record)) side.by_place[place].push_back(i);
    side.by_name[name_of(record)].push_back(i);
  }
  return side;
}

std::string on_one_line(std::string text) {
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at))
    text.replace(at, 1, ", ");
  return text;
}

// The only record of that description; none where there is none.
std::optional<std::size_t> only(const Side& side,
                                const std::map<std::string, std::vector<std::size_t>>& index,
                                const std::string& description) {
  const auto it = index.find(description);
  if (it == index.end()) return std::nullopt;
  if (it->second.size() > 1)
    throw InputError(side.folder.string(), on_one_line(description), "one record",
                     std::to_string(it->second.size()), "compare folders that hold one run each");
  return it->second[0];
}

std::optional<std::size_t> counterpart(const Record& record, const Side& in) {
  for (const auto& place : places_of(record))
    if (const auto found = only(in, in.by_place, place)) return found;
  return only(in, in.by_name, name_of(record));
}

// The first field in which two protocols differ, as a JSON pointer; empty where none.
std::string differing_field(const Json& a, const Json& b) {
  for (const auto* from : {&a, &b})
    for (const auto& item : from->items())
      if (item.key() != "name" && a.value(item.key(), Json()) != b.value(item.key(), Json()))
        return item.key();
  return "";
}

void require_comparable(const Record& base, const Record& candidate, const Side& in) {
  const std::string where = record_path(in.folder, candidate.key).string();
  const auto require = [&](const std::string& field, const Json& expected, const Json& found) {
    if (expected != found)
      throw InputError(where, field, expected.dump() + " as in the baseline", found.dump(),
                       "what was measured differently cannot be compared");
  };
  require("task/name", base.task.name, candidate.task.name);
  require("task/version", base.task.version, candidate.task.version);
  require("measure", base.measure->name(), candidate.measure->name());
  require("task/classes", base.task.classes, candidate.task.classes);
  require("evaluation_version", base.evaluation_version, candidate.evaluation_version);
  const std::string field = differing_field(base.protocol, candidate.protocol);
  if (!field.empty())
    require("protocol/" + field, base.protocol.value(field, Json()),
            candidate.protocol.value(field, Json()));
}

ComparedCell described(const Record& record) {
  ComparedCell cell;
  const CellUse& use = record.used_by[0];
  if (use.table > 0) {
    cell.group = "table " + std::to_string(use.table) + ", " + use.row;
    cell.name = use.column + ", " + seed_text(record);
  } else {
    cell.group = record.encoder.name;
    cell.name = record.task.name + ", " + record.protocol.value("name", std::string()) + ", " +
                seed_text(record);
  }
  return cell;
}

void compare_paired(ComparedCell& cell, const Record& base, const Record& candidate) {
  const auto before = sample_values(base), after = sample_values(candidate);
  const auto changes = differences(after, before);
  const auto groups = groups_of(base);
  // McNemar's test is for values of right and wrong, from samples that are independent.
  const bool counts = base.measure->counts_right();
  if (counts) cell.discordance = discordance_of(after, before);
  const bool mcnemar = counts && groups.empty();
  cell.method = mcnemar ? ComparisonMethod::mcnemar : ComparisonMethod::paired_bootstrap;
  if (after == before) {
    cell.p = 1;
    return;
  }
  if (mcnemar) {
    cell.ci95 = bootstrap_interval(changes, groups, gap_range(*base.measure));
    cell.p = mcnemar_exact(cell.discordance);
    return;
  }
  const Resamples means = resample_means(changes, groups, kPairedResamples);
  cell.ci95 = interval_of(means, 0.95, gap_range(*base.measure));
  cell.p = p_of_no_gap(means);
}

void compare_intervals(ComparedCell& cell, const Record& base, const Record& candidate) {
  cell.method = ComparisonMethod::intervals;
  cell.ci95 = {
      cell.change - std::hypot(candidate.value - candidate.ci95.low, base.ci95.high - base.value),
      cell.change + std::hypot(candidate.ci95.high - candidate.value, base.value - base.ci95.low)};
}

ComparedCell compare_cell(const StoredRecord& base, const StoredRecord& candidate) {
  ComparedCell cell = described(base.record);
  cell.baseline = base.record.value;
  cell.candidate = candidate.record.value;
  cell.change = *cell.candidate - *cell.baseline;
  cell.baseline_key = base.record.key;
  cell.candidate_key = candidate.record.key;
  cell.other_weights = base.record.encoder.sha256 != candidate.record.encoder.sha256;
  if (base.has_predictions && candidate.has_predictions &&
      same_samples(base.record, candidate.record))
    compare_paired(cell, base.record, candidate.record);
  else
    compare_intervals(cell, base.record, candidate.record);
  return cell;
}

CellOutcome outcome_of(const ComparedCell& cell, double tolerance) {
  const bool by_p = cell.p_adjusted.has_value();
  const bool real = by_p ? *cell.p_adjusted < kLevel : cell.ci95.low > 0 || cell.ci95.high < 0;
  if (real && cell.change < -tolerance - 1e-9) return CellOutcome::fallen;
  if (real && cell.change > tolerance + 1e-9) return CellOutcome::risen;
  const bool equal = std::abs(cell.change) < 1e-9 && cell.discordance == Discordance{};
  return equal ? CellOutcome::same : CellOutcome::within;
}

void decide(Comparison& comparison) {
  std::vector<double> p_values;
  for (const auto& cell : comparison.cells)
    if (cell.p) p_values.push_back(*cell.p);
  const auto adjusted = holm_adjusted(p_values);
  std::size_t next = 0;
  for (auto& cell : comparison.cells) {
    if (cell.p) cell.p_adjusted = adjusted[next++];
    if (cell.baseline && cell.candidate)
      cell.outcome = outcome_of(cell, comparison.options.tolerance);
  }
}

// Tables as they are printed: by number, then row and column in order of their names.
bool before(const StoredRecord& a, const StoredRecord& b) {
  const auto order = [](const Record& r) {
    const CellUse& use = r.used_by[0];
    return std::tie(use.table, use.row, use.column, r.encoder.name, r.task.name, r.seed);
  };
  return order(a.record) < order(b.record);
}

}  // namespace

const char* name_of(ComparisonMethod method) {
  switch (method) {
    case ComparisonMethod::mcnemar:
      return "McNemar";
    case ComparisonMethod::paired_bootstrap:
      return "paired bootstrap";
    default:
      return "intervals";
  }
}

const char* name_of(CellOutcome outcome) {
  constexpr const char* kNames[] = {"same", "within", "risen", "fallen", "missing", "added"};
  return kNames[static_cast<std::size_t>(outcome)];
}

bool Comparison::is_regression(const ComparedCell& cell) const {
  return cell.outcome == CellOutcome::fallen ||
         (cell.outcome == CellOutcome::missing && !options.allow_missing);
}

bool Comparison::regression() const {
  return std::any_of(cells.begin(), cells.end(),
                     [&](const ComparedCell& cell) { return is_regression(cell); });
}

std::size_t Comparison::count(CellOutcome outcome) const {
  return static_cast<std::size_t>(
      std::count_if(cells.begin(), cells.end(),
                    [&](const ComparedCell& cell) { return cell.outcome == outcome; }));
}

Comparison compare_results(const fs::path& baseline, const fs::path& candidate,
                           const ComparisonOptions& options) {
  Side base = read_side(baseline);
  std::sort(base.records.begin(), base.records.end(), before);
  const Side other = read_side(candidate);
  Comparison comparison{.options = options};
  std::vector<bool> taken(other.records.size(), false);
  for (const auto& stored : base.records) {
    const auto found = counterpart(stored.record, other);
    if (!found) {
      ComparedCell cell = described(stored.record);
      cell.baseline = stored.record.value;
      cell.baseline_key = stored.record.key;
      cell.outcome = CellOutcome::missing;
      comparison.cells.push_back(std::move(cell));
      continue;
    }
    if (taken[*found])
      throw InputError(baseline.string(), on_one_line(name_of(stored.record)), "one record",
                       "several", "compare folders that hold one run each");
    taken[*found] = true;
    require_comparable(stored.record, other.records[*found].record, other);
    comparison.cells.push_back(compare_cell(stored, other.records[*found]));
  }
  if (std::find(taken.begin(), taken.end(), true) == taken.end())
    throw InputError(candidate.string(), "", "a cell in common with " + baseline.string(), "none");
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (taken[i]) continue;
    ComparedCell cell = described(other.records[i].record);
    cell.candidate = other.records[i].record.value;
    cell.candidate_key = other.records[i].record.key;
    cell.outcome = CellOutcome::added;
    comparison.cells.push_back(std::move(cell));
  }
  decide(comparison);
  return comparison;
}

}  // namespace permafrost
