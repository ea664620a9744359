// SPDX-License-Identifier: Apache-2.0
#pragma once

// A folder of results as the report sees it: tables, records, and what is wrong with it.
//
//   const ResultsFolder folder = read_results_folder("out");
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bench/records/record.h"
#include "bench/records/record_folder.h"
#include "bench/report/tables/table_report.h"

namespace permafrost {

struct FoundRecord {
  StoredRecord stored;
  std::string text;  // the file's JSON, indented
};

struct ResultsFolder {
  std::filesystem::path path;
  std::vector<TableModel> tables;              // by number
  std::map<std::string, FoundRecord> records;  // by key
  std::vector<std::string> problems;           // a sentence each, in a fixed order
};

// Reads tableN.json and records/*.json with their predictions. A file that cannot be read, has
// another schema or does not agree with the rest is left out or kept, and a problem says so. Tables
// that only the records speak of are put together from these, without claims. Throws InputError
// for a folder that is not there or holds neither a table nor a record that can be read.
ResultsFolder read_results_folder(const std::filesystem::path& path);

// The records of a cell that are there.
std::vector<const Record*> records_of(const ResultsFolder& folder, const CellModel& cell);

}  // namespace permafrost
