// SPDX-License-Identifier: Apache-2.0
// What lies under results/ is what a run left: every cell of a table follows from records that are
// there, every record from its predictions and from weights of models/zoo; README's numbers too.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "bench/records/record.h"
#include "bench/records/record_folder.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"
#include "models/encoders/denoiser_file.h"
#include "models/encoders/encoder.h"

namespace permafrost {
namespace committed_results_test {
namespace fs = std::filesystem;

const fs::path kSource = PERMAFROST_SOURCE_DIR;

using Records = std::map<std::string, Record>;  // by key

// Reading computes values and intervals anew, from the predictions.
Records read_archive(const fs::path& archive) {
  const TestFolder unpacked;
  const std::string command = "cd '" + unpacked.path().string() +
                              "' && '" PERMAFROST_CMAKE "' -E tar xf '" + archive.string() + "'";
  Records records;
  if (std::system(command.c_str()) == 0)
    for (auto& record : read_records(unpacked)) records.emplace(record.key, std::move(record));
  return records;
}

class CommittedResults : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    static std::map<std::string, Records> read;
    const auto [it, added] = read.try_emplace(GetParam());
    if (added) it->second = read_archive(folder() / "records.tar.xz");
    records_ = &it->second;
    ASSERT_FALSE(records_->empty());
  }

  static fs::path folder() { return kSource / "results" / GetParam(); }

  static std::vector<nlohmann::json> tables() {
    std::vector<nlohmann::json> found;
    for (const auto& entry : fs::directory_iterator(folder()))
      if (entry.path().extension() == ".json")
        found.push_back(nlohmann::json::parse(read_file(entry.path())));
    return found;
  }

  const Records* records_ = nullptr;
};

TEST_P(CommittedResults, EveryCellIsTheMeanOfItsRecords) {
  std::set<std::string> shown;
  for (const auto& table : tables())
    for (const auto& cell : table.at("cells")) {
      const std::string where =
          table.at("table").dump() + ", " + cell.at("row").dump() + ", " + cell.at("column").dump();
      if (!cell.contains("records")) continue;  // not available, and says why
      double sum = 0;
      for (const std::string key : cell.at("records")) {
        ASSERT_EQ(records_->count(key), 1U) << where << ": no record " << key;
        sum += records_->at(key).value;
        shown.insert(key);
      }
      EXPECT_NEAR(cell.at("mean").get<double>(),
                  sum / static_cast<double>(cell.at("records").size()), 1e-9)
          << where;
    }
  EXPECT_EQ(shown.size(), records_->size()) << "records that no table shows";
}

TEST_P(CommittedResults, EveryPlaceHasOneRecordASeed) {
  std::map<std::string, int> records;
  for (const auto& [key, record] : *records_)
    for (const auto& use : record.used_by)
      if (use.table > 0)
        records[std::to_string(use.table) + ", " + use.row + ", " + use.column + ", seed " +
                std::to_string(record.seed)] += 1;
  for (const auto& [place, count] : records) EXPECT_EQ(count, 1) << place;
}

Encoder denoiser_of_zoo(const std::string& text, const std::string& where) {
  const auto name = frozen_name(text);
  EXPECT_TRUE(name.has_value()) << text;
  return name ? encoder_at(load_denoiser(name->denoiser, where), name->at, where) : Encoder();
}

TEST_P(CommittedResults, EveryRecordIsOfWeightsThatAreHere) {
  ::setenv("PERMAFROST_ZOO", (kSource / "models/zoo").c_str(), 1);
  std::map<std::string, std::string> hashes;  // by name and source
  for (const auto& [key, record] : *records_) {
    const EncoderIdentity& encoder = record.encoder;
    std::string& hash = hashes[encoder.name + ", " + encoder.source];
    if (hash.empty()) {
      const std::string drawn = "random init, seed ";
      if (encoder.source == "zoo")
        hash = load_encoder(encoder.name, key).sha256;
      else if (encoder.source == "zoo denoiser")
        hash = denoiser_of_zoo(encoder.name, key).sha256;
      else if (encoder.source.rfind(drawn, 0) == 0)
        hash = random_encoder(read_encoder_spec(encoder.spec, key),
                              std::stoull(encoder.source.substr(drawn.size())))
                   .sha256;
      else
        hash = encoder.sha256;  // pixels, that have no weights
    }
    EXPECT_EQ(encoder.sha256, hash) << key << ": " << encoder.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Suites, CommittedResults,
                         testing::Values("pico", "tiny", "denoiser", "pico2"),
                         [](const auto& suite) { return std::string(suite.param); });

// The cells of README's small table behind its first one, as Table 112 has them; empty where
// the task is no column of that table.
std::string readme_row(const nlohmann::json& table, const std::string& task) {
  char text[96];
  const auto mean_of = [&](const std::string& name) {
    for (const auto& cell : table.at("cells"))
      if (cell.at("row") == name && cell.at("column") == task) {
        std::snprintf(text, sizeof text, "%.1f", cell.at("mean").get<double>());
        return std::string(text);
      }
    return std::string();
  };
  if (mean_of("Features, 80 thousand").empty()) return "";
  std::string row = " ";
  for (const char* name : {"Features", "Masked pixels", "Denoiser, 4 of 8 blocks"})
    row += mean_of(std::string(name) + ", 80 thousand") + " | ";
  row += mean_of("random-init (floor)") + ", " + mean_of("raw pixels (floor)") + " |";
  for (const auto& claim : table.at("claims"))
    if (claim.at("id") == "table112.features-lead-pixels-frozen" && claim.at("column") == task) {
      const auto& interval = claim.at("ci95_over_samples");
      std::snprintf(text, sizeof text, " %+.1f [%+.1f, %+.1f] | ", claim.at("gap").get<double>(),
                    interval.at(0).get<double>(), interval.at(1).get<double>());
      std::string verdict = claim.at("verdict");
      std::replace(verdict.begin(), verdict.end(), '_', ' ');
      row += text + verdict + " |";
    }
  return row;
}

// A row of it begins with a task in backquotes and what its label is: "| `scene` (background) |".
TEST(Readme, ShowsTheNumbersOfTheSecondWorld) {
  const auto table = nlohmann::json::parse(read_file(kSource / "results/pico2/table112.json"));
  int rows = 0;
  std::istringstream readme(read_file(kSource / "README.md"));
  for (std::string line; std::getline(readme, line);) {
    const std::size_t end = line.find("` (");
    if (line.rfind("| `", 0) != 0 || end == std::string::npos) continue;
    const std::string expected = readme_row(table, line.substr(3, end - 3));
    ASSERT_FALSE(expected.empty()) << line << ": no task of Table 112";
    EXPECT_EQ(line.substr(line.find(") |") + 3), expected) << line;
    ++rows;
  }
  EXPECT_EQ(rows, 5);
}

// "+9.0 [+2.9, +15.0]" stands in a table of results/ as a gap and its interval.
TEST(Readme, ShowsGapsAndIntervalsOfResults) {
  std::string tables;
  for (const char* suite : {"pico", "pico2", "tiny"})
    for (const auto& entry : fs::directory_iterator(kSource / "results" / suite))
      if (entry.path().extension() == ".md") tables += read_file(entry.path());
  std::string squeezed;  // one blank between words
  for (const char c : tables)
    if (c != ' ' || squeezed.empty() || squeezed.back() != ' ') squeezed += c;
  const std::string readme = read_file(kSource / "README.md");
  int gaps = 0;
  for (std::size_t at = readme.find(" ["); at != std::string::npos;
       at = readme.find(" [", at + 1)) {
    if (at + 2 >= readme.size() || (readme[at + 2] != '+' && readme[at + 2] != '-')) continue;
    const std::size_t begin = readme.find_last_of(" \n", at - 1) + 1;
    const std::size_t end = readme.find(']', at) + 1;
    const std::string wanted =
        "| " + readme.substr(begin, at - begin) + " |" + readme.substr(at, end - at) + " |";
    EXPECT_NE(squeezed.find(wanted), std::string::npos) << wanted;
    ++gaps;
  }
  EXPECT_GE(gaps, 9);
}

}  // namespace committed_results_test
}  // namespace permafrost
