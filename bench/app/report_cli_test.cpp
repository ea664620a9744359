// SPDX-License-Identifier: Apache-2.0
// permafrost report as a user runs it.
#include <nlohmann/json.hpp>

#include "bench/testing/cli_fixture.h"
#include "bench/testing/test_results.h"

namespace permafrost {
namespace report_cli_test {
namespace fs = std::filesystem;

class ReportCli : public Cli {
 protected:
  std::string folder() {
    results_.fill();
    return results_.path().string();
  }
  TestResults results_;
};

TEST_F(ReportCli, WritesAPage) {
  const Ran run = program("report " + folder() + " --out " + path("new/page.html"));
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.out.find("page.html: 2 tables, 20 records"), std::string::npos) << run.out;
  const std::string page = read_file(path("new/page.html"));
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0U);
  EXPECT_EQ(page.substr(page.size() - 8), "</html>\n");
  EXPECT_FALSE(fs::exists(results_ / "report.html"));
}

TEST_F(ReportCli, PutsItIntoTheFolderAndTellsInJson) {
  const Ran run = program("report --json " + folder());
  ASSERT_EQ(run.status, 0) << run.err;
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json.at("tables"), 2);
  EXPECT_TRUE(json.at("problems").empty());
  EXPECT_TRUE(fs::exists(results_ / "report.html"));
}

TEST_F(ReportCli, NeedsNoOtherProgram) {
  const Ran run = program("report --json " + folder(), "PATH=/nonexistent");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_GT(nlohmann::json::parse(run.out).at("panels"), 0);
}

TEST_F(ReportCli, RefusesWhatIsNoFolderOfResults) {
  expect_refusal("report " + path("absent"), {"absent", "no such folder"});
  fs::create_directories(folder_ / "empty");
  expect_refusal("report " + path("empty") + " --out " + path("o.html"), {"empty", "tableN.json"});
  EXPECT_FALSE(fs::exists(path("o.html")));
  expect_refusal("report", {"folder"});
  expect_refusal("report " + folder() + " --out " + write("file", "x") + "/below",
                 {"/file", "a place where a file can be written"});
}

}  // namespace report_cli_test
}  // namespace permafrost
