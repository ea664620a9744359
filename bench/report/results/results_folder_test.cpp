// SPDX-License-Identifier: Apache-2.0
#include "bench/report/results/results_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/records/record_folder.h"
#include "bench/testing/test_results.h"
#include "common/error.h"

namespace permafrost {
namespace results_folder_test {
namespace fs = std::filesystem;

bool mentions(const ResultsFolder& folder, const std::string& part) {
  return std::any_of(folder.problems.begin(), folder.problems.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

TEST(ResultsFolder, HasTablesAndRecordsAndNothingToComplainOf) {
  const TestResults files;
  files.fill();
  const ResultsFolder folder = read_results_folder(files.path());
  EXPECT_EQ(folder.tables.size(), 2U);
  EXPECT_EQ(folder.records.size(), 20U);
  EXPECT_TRUE(folder.problems.empty()) << folder.problems[0];
  EXPECT_EQ(records_of(folder, folder.tables[0].cells[0][0]).size(), 2U);
  EXPECT_EQ(records_of(folder, folder.tables[0].cells[2][1]).size(), 0U);
}

TEST(ResultsFolder, RefusesAnEmptyOneAndNone) {
  const TestResults files;
  EXPECT_THROW(read_results_folder(files.path()), InputError);
  EXPECT_THROW(read_results_folder(files / "absent"), InputError);
  write_file_atomically(files / "table1.json", "{");
  fs::create_directories(files / "records");
  EXPECT_THROW(read_results_folder(files.path()), InputError);
}

TEST(ResultsFolder, LeavesOutWhatIsDamagedAndSaysSo) {
  const TestResults files;
  files.fill();
  write_file_atomically(files / "table2.json", "{\"schema\": \"permafrost.table.9\"}");
  const auto keys = record_keys(files.path());
  write_file_atomically(record_path(files.path(), keys[0]), "{");
  Json other = read_json(record_path(files.path(), keys[1]).string());
  other["schema"] = "permafrost.record.9";
  write_file_atomically(record_path(files.path(), keys[1]), other.dump());
  fs::remove(predictions_path(files.path(), keys[2]));
  const ResultsFolder folder = read_results_folder(files.path());
  EXPECT_EQ(folder.records.size(), 18U);
  EXPECT_TRUE(mentions(folder, "records/" + keys[0] + ".json is left out"));
  EXPECT_TRUE(mentions(folder, "permafrost.record.9"));
  EXPECT_TRUE(mentions(folder, "1 records have no predictions"));
  EXPECT_TRUE(mentions(folder, "table2.json is left out"));
  // Table 2 comes back from its records.
  EXPECT_TRUE(mentions(folder, "Table 2 is put together from its records"));
  ASSERT_EQ(folder.tables.size(), 2U);
}

TEST(ResultsFolder, PutsATableTogetherFromRecords) {
  const TestResults files;
  files.fill();
  const ResultsFolder whole = read_results_folder(files.path());
  fs::remove(files / "table1.json");
  fs::remove(files / "table2.json");
  const ResultsFolder folder = read_results_folder(files.path());
  ASSERT_EQ(folder.tables.size(), 2U);
  for (std::size_t t = 0; t < 2; ++t) {
    EXPECT_EQ(folder.tables[t].spec.number, static_cast<int>(t) + 1);
    EXPECT_TRUE(folder.tables[t].findings.empty());
    for (std::size_t r = 0; r < 3; ++r) {
      EXPECT_EQ(folder.tables[t].spec.rows[r].name, whole.tables[t].spec.rows[r].name);
      EXPECT_DOUBLE_EQ(folder.tables[t].cells[r][0].repeated.mean,
                       whole.tables[t].cells[r][0].repeated.mean);
      EXPECT_EQ(folder.tables[t].cells[r][0].records, whole.tables[t].cells[r][0].records);
    }
    EXPECT_FALSE(folder.tables[t].cells[2][1].available());
  }
}

TEST(ResultsFolder, FindsATableThatDoesNotAgreeWithItsRecords) {
  const TestResults files;
  files.fill();
  Json table = read_json((files / "table1.json").string());
  table["cells"][0]["seeds"][0] = 99.0;
  write_file_atomically(files / "table1.json", table.dump());
  EXPECT_TRUE(mentions(read_results_folder(files.path()), "the table says 99.00, its record"));
}

TEST(ResultsFolder, SaysThatRecordsAreMissing) {
  const TestResults files;
  files.fill();
  fs::remove_all(files / "records");
  const ResultsFolder folder = read_results_folder(files.path());
  EXPECT_TRUE(folder.records.empty());
  EXPECT_TRUE(mentions(folder, "20 records that the tables name are not in the folder"));
}

}  // namespace results_folder_test
}  // namespace permafrost
