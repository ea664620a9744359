// SPDX-License-Identifier: Apache-2.0
// permafrost compare as a user runs it.
#include <nlohmann/json.hpp>

#include "bench/records/record.h"
#include "bench/records/record_folder.h"
#include "bench/testing/cli_fixture.h"

namespace permafrost {
namespace compare_cli_test {

class CompareCli : public Cli {
 protected:
  // A folder with one record: samples begin .. end-1 of 200 are right.
  std::string results(const std::string& name, int begin, int end, int epochs = 20,
                      const std::string& row = "A") const {
    Record r;
    r.used_by = {{1, row, "motion", std::nullopt}};
    r.encoder = {.name = row, .source = "file", .sha256 = "w" + row, .spec = Json::object()};
    r.task = {
        .name = "motion", .manifest_sha256 = "m", .identity = "i", .version = 1, .classes = 4};
    r.protocol = {{"name", "frozen"}, {"kind", "probe"}, {"epochs", epochs}};
    for (int i = 0; i < 200; ++i)
      r.predictions.push_back({"s" + std::to_string(i), 1, i >= begin && i < end ? 1 : 0, i});
    complete(r);
    write_record(folder_ / name, r);
    return path(name) + " ";
  }
};

TEST_F(CompareCli, ExitsWith0WithinTolerance) {
  const Ran run = program("compare " + results("base", 0, 100) + results("new", 0, 100));
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_NE(run.out.find("No regression: of 1 cells, 1 same."), std::string::npos) << run.out;
}

TEST_F(CompareCli, ExitsWith1OnARegression) {
  const std::string folders = results("base", 0, 100) + results("new", 0, 70);
  const Ran run = program("compare " + folders + "--junit " + path("report/junit.xml") +
                          " --markdown " + path("report/compare.md"));
  EXPECT_EQ(run.status, 1) << run.err;
  EXPECT_NE(run.out.find("**fallen**"), std::string::npos);
  EXPECT_EQ(read_file(folder_ / "report/compare.md"), run.out);
  EXPECT_NE(read_file(folder_ / "report/junit.xml").find("failures=\"1\""), std::string::npos);
  EXPECT_EQ(program("compare " + folders + "--tolerance 15").status, 0);
}

TEST_F(CompareCli, PrintsJson) {
  const Ran run = program("compare --json " + results("base", 0, 100) + results("new", 0, 70));
  EXPECT_EQ(run.status, 1);
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json.at("regression"), true);
  EXPECT_EQ(json.at("cells")[0].at("change"), -15.0);
}

TEST_F(CompareCli, MissingCellsFailUnlessAllowed) {
  results("base", 0, 100, 20, "B");
  const std::string folders = results("base", 0, 100) + results("new", 0, 100);
  EXPECT_EQ(program("compare " + folders).status, 1);
  EXPECT_EQ(program("compare " + folders + "--allow-missing").status, 0);
}

TEST_F(CompareCli, RefusesWhatCannotBeCompared) {
  const std::string base = results("base", 0, 100);
  expect_refusal("compare " + base + results("other", 0, 100, 4),
                 {"protocol/epochs", "expected 20", "found 4"});
  expect_refusal("compare " + base + path("absent"), {"absent", "no such folder"});
  expect_refusal("compare " + base, {"candidate"});
  expect_refusal("compare " + base + base + "--tolerance -1", {"--tolerance"});
  const std::string damaged = results("damaged", 0, 100);
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "damaged/records"))
    write_file_atomically(entry.path(), "{");
  expect_refusal("compare " + base + damaged, {"damaged/records"});
}

}  // namespace compare_cli_test
}  // namespace permafrost
