// SPDX-License-Identifier: Apache-2.0
#include "bench/report/results/results_folder.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "bench/records/record_folder.h"
#include "bench/report/tables/table_reader.h"
#include "bench/text/markdown.h"
#include "common/error.h"
#include "common/files/files.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kLargestFile = std::uintmax_t{16} << 20;

Json json_of(const fs::path& path) {
  std::error_code failure;
  const auto size = fs::file_size(path, failure);
  if (!failure && size > kLargestFile)
    throw InputError(path.string(), "", "at most 16 MiB of JSON", std::to_string(size) + " bytes");
  return read_json(path.string());
}

bool is_table_file(const fs::path& path) {
  const std::string stem = path.stem().string();
  return path.extension() == ".json" && stem.size() > 5 && stem.size() < 10 &&
         stem.compare(0, 5, "table") == 0 &&
         stem.find_first_not_of("0123456789", 5) == std::string::npos;
}

void read_tables(ResultsFolder& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder.path))
    if (is_table_file(entry.path())) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    try {
      folder.tables.push_back(read_table_json(json_of(file), file.filename().string()));
    } catch (const InputError& error) {
      folder.problems.push_back(file.filename().string() + " is left out: " + error.what());
    }
  }
}

void read_all_records(ResultsFolder& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder.path / "records", ignored)) return;
  std::size_t without = 0;
  for (const auto& key : record_keys(folder.path)) {
    try {
      const Json json = json_of(record_path(folder.path, key));
      FoundRecord found{read_stored_record(folder.path, key),
                        OrderedJson::parse(read_file(record_path(folder.path, key)))
                            .dump(1, ' ', false, OrderedJson::error_handler_t::replace)};
      without += found.stored.has_predictions ? 0 : 1;
      folder.records.emplace(key, std::move(found));
    } catch (const InputError& error) {
      folder.problems.push_back("records/" + key + ".json is left out: " + error.what());
    }
  }
  if (without > 0)
    folder.problems.push_back(std::to_string(without) +
                              " records have no predictions beside them: their values are believed "
                              "as written.");
}

// Order and floors as this program's specification has them; without one, by name.
TableSpec spec_for(int number) {
  try {
    TableSpec spec = read_table(number);
    spec.claims.clear();
    return spec;
  } catch (const InputError&) {
    return {.number = number, .title = "Records without a table", .row_title = "row"};
  }
}

struct UsedRecord {
  const StoredRecord* stored;
  const CellUse* use;
};

// The rows and columns that records name, those of the specification first.
void keep_used(TableSpec& spec, const std::vector<UsedRecord>& used) {
  std::set<std::string> rows, columns;
  for (const auto& [stored, use] : used) {
    rows.insert(use->row);
    columns.insert(use->column);
  }
  std::erase_if(spec.rows, [&](const RowSpec& row) { return rows.erase(row.name) == 0; });
  std::erase_if(spec.columns, [&](const ColumnSpec& c) { return columns.erase(c.name) == 0; });
  for (const auto& row : rows) spec.rows.push_back({.name = row});
  for (const auto& column : columns) spec.columns.push_back({.name = column});
}

TableModel table_of_records(int number, const std::vector<UsedRecord>& used) {
  TableSpec spec = spec_for(number);
  keep_used(spec, used);
  std::vector<std::vector<TableCell>> inputs(spec.rows.size(),
                                             std::vector<TableCell>(spec.columns.size()));
  std::set<std::uint64_t> seeds;
  for (const auto& [stored, use] : used) {
    const auto row = std::find_if(spec.rows.begin(), spec.rows.end(),
                                  [&](const RowSpec& r) { return r.name == use->row; });
    const auto column = std::find_if(spec.columns.begin(), spec.columns.end(),
                                     [&](const ColumnSpec& c) { return c.name == use->column; });
    if (use->paper) row->paper[use->column] = *use->paper;
    column->task = stored->record.task.name;
    column->protocol = stored->record.protocol.at("name").get<std::string>();
    TableCell& input = inputs[static_cast<std::size_t>(row - spec.rows.begin())]
                             [static_cast<std::size_t>(column - spec.columns.begin())];
    if (!stored->has_predictions)
      input.unavailable = "its predictions are not in the folder";
    else if (input.seeds.empty() || same_samples(input.seeds[0], stored->record))
      input.seeds.push_back(stored->record);
    else
      input.unavailable = "its records are of different samples";
    seeds.insert(stored->record.seed);
  }
  for (auto& row : inputs)
    for (auto& input : row)
      std::stable_sort(input.seeds.begin(), input.seeds.end(),
                       [](const Record& a, const Record& b) { return a.seed < b.seed; });
  const TableContext context{.suite = "not known",
                             .suite_title = "put together from records, without claims",
                             .seeds = static_cast<int>(seeds.size()),
                             .first_seed = *seeds.begin()};
  return build_table(spec, context, inputs);
}

void add_tables_of_records(ResultsFolder& folder) {
  std::map<int, std::vector<UsedRecord>> used;
  for (const auto& [key, found] : folder.records)
    for (const auto& use : found.stored.record.used_by)
      used[use.table].push_back({&found.stored, &use});
  for (const auto& [number, records] : used) {
    const bool known =
        std::any_of(folder.tables.begin(), folder.tables.end(),
                    [number = number](const TableModel& t) { return t.spec.number == number; });
    if (known) continue;
    folder.tables.push_back(table_of_records(number, records));
    if (number > 0)
      folder.problems.push_back("There is no table" + std::to_string(number) +
                                ".json that could be read: Table " + std::to_string(number) +
                                " is put together from its records, without claims.");
  }
}

void compare_with_records(ResultsFolder& folder) {
  std::size_t absent = 0;
  for (const auto& table : folder.tables)
    for (std::size_t r = 0; r < table.cells.size(); ++r)
      for (std::size_t c = 0; c < table.cells[r].size(); ++c) {
        const CellModel& cell = table.cells[r][c];
        for (std::size_t k = 0; k < cell.records.size(); ++k) {
          const auto found = folder.records.find(cell.records[k]);
          absent += found == folder.records.end() ? 1 : 0;
          if (found == folder.records.end() ||
              std::abs(found->second.stored.record.value - cell.repeated.values[k]) < 1e-6)
            continue;
          folder.problems.push_back(
              "Table " + std::to_string(table.spec.number) + ", " + table.spec.rows[r].name + ", " +
              table.spec.columns[c].name + ": the table says " + fixed(cell.repeated.values[k], 2) +
              ", its record " + fixed(found->second.stored.record.value, 2) + ".");
        }
      }
  if (absent > 0)
    folder.problems.push_back(std::to_string(absent) +
                              " records that the tables name are not in the folder: these numbers "
                              "cannot be checked here, and figures that need records are left "
                              "out.");
}

}  // namespace

ResultsFolder read_results_folder(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored))
    throw InputError(path.string(), "", "a folder of results", "no such folder");
  ResultsFolder folder{.path = path};
  read_tables(folder);
  read_all_records(folder);
  add_tables_of_records(folder);
  if (folder.tables.empty()) {
    const std::string found = folder.problems.empty() ? "neither" : folder.problems.front();
    throw InputError(path.string(), "", "tableN.json or records/*.json that can be read", found,
                     "permafrost tables --out " + path.string() + " writes them");
  }
  std::stable_sort(
      folder.tables.begin(), folder.tables.end(),
      [](const TableModel& a, const TableModel& b) { return a.spec.number < b.spec.number; });
  compare_with_records(folder);
  return folder;
}

std::vector<const Record*> records_of(const ResultsFolder& folder, const CellModel& cell) {
  std::vector<const Record*> records;
  for (const auto& key : cell.records)
    if (const auto found = folder.records.find(key); found != folder.records.end())
      records.push_back(&found->second.stored.record);
  return records;
}

}  // namespace permafrost
