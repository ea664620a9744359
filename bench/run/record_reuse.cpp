// SPDX-License-Identifier: Apache-2.0
#include "bench/run/record_reuse.h"

#include <algorithm>
#include <set>

#include "bench/records/record_folder.h"
#include "common/error.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

// Whether a use is a place in one of `tables`. Table 0 is what `permafrost probe` fills, run by
// run.
auto in_these(const std::vector<TableSpec>& tables) {
  return [&tables](const CellUse& use) {
    return use.table > 0 && std::any_of(tables.begin(), tables.end(), [&](const TableSpec& table) {
             return table.number == use.table;
           });
  };
}

// Of the places in `tables` those that are `planned`, others as before; where that leaves none, by
// itself, as the records of `permafrost probe` do.
void set_places(Record& record, const std::vector<TableSpec>& tables,
                const std::vector<CellUse>& planned) {
  const CellUse by_itself{0, record.encoder.name, record.task.name, std::nullopt};
  std::erase(record.used_by, by_itself);
  std::erase_if(record.used_by, in_these(tables));
  for (const auto& use : planned) add_use(record.used_by, use);
  if (record.used_by.empty()) record.used_by = {by_itself};
}

}  // namespace

void take_records(Plan& plan, const std::vector<TableSpec>& tables, const fs::path& out,
                  bool with_heads, const std::function<void(const std::string&)>& notice,
                  bool look_only) {
  const auto heads_are_there = [&](const PlannedCell& cell) {
    std::error_code ignored;
    for (std::size_t fold = 0; fold < cell.task->folds.size(); ++fold)
      if (!fs::exists(head_path(out, cell, fold), ignored)) return false;
    return true;
  };
  for (auto& cell : plan.cells) {
    std::error_code ignored;
    if (cell.elsewhere) continue;
    if (!fs::exists(record_path(out, cell.record.key), ignored)) continue;
    if (with_heads && writes_heads(cell.protocol) && !heads_are_there(cell)) continue;
    Record found;
    try {
      found = read_record(out, cell.record.key);
    } catch (const InputError& error) {
      if (notice) notice(std::string(error.what()) + "; the cell is computed again");
      continue;
    }
    const auto before = found.used_by;
    set_places(found, tables, cell.record.used_by);
    if (found.used_by != before && !look_only) write_record(out, found);
    found.target = cell.record.target;  // the first schema did not say
    cell.record = std::move(found);
    cell.done = cell.reused = true;
  }
}

void release_records(const Plan& plan, const std::vector<TableSpec>& tables, const fs::path& out) {
  std::set<std::string> planned;
  for (const auto& cell : plan.cells) planned.insert(cell.record.key);
  std::error_code ignored;
  if (!fs::is_directory(out / "records", ignored)) return;  // no cell could be computed
  for (const auto& key : record_keys(out)) {
    if (planned.count(key) > 0) continue;
    try {
      const auto uses = read_uses(out, key);
      if (std::none_of(uses.begin(), uses.end(), in_these(tables))) continue;
      Record record = read_record(out, key);
      set_places(record, tables, {});
      write_record(out, record);
    } catch (const InputError&) {
      // Damaged or without predictions, and not asked for: whoever asks will hear of it.
    }
  }
}

}  // namespace permafrost
