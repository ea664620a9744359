// SPDX-License-Identifier: Apache-2.0
#include "bench/suites/suite_fit.h"

#include <gtest/gtest.h>

#include "bench/testing/test_messages.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace suite_fit_test {

Suite suite() {
  return parse_suite(Json::parse(R"({
    "suite": "s",
    "encoders": {"a": {"obtain": "from somebody", "spec": "vjepa-vitl16"}, "1/a": "pico/x",
                 "b": "pico/y"},
    "tasks": [{"name": "k400", "kind": "manifest", "dataset": "k400"},
              {"name": "motion", "kind": "synthetic", "world": "motion", "train": 8, "test": 8}],
    "protocols": {"p": {}, "q": {"clips": 2}},
    "columns": {"few": {"name": "K400", "task": "k400", "protocol": "q"}, "many": null,
                "2/few": {"protocol": "p"}}})"),
                     "s.json");
}

TableSpec table(int number) {
  TableSpec spec{.number = number, .title = "T"};
  spec.columns = {{.name = "few", .task = "motion", .protocol = "p"},
                  {.name = "many", .task = "motion", .protocol = "p"},
                  {.name = "rest", .task = "motion", .protocol = "p"}};
  spec.rows = {{.name = "A", .encoder = "a", .paper = {{"few", 1}, {"many", 2}}},
               {.name = "B", .encoder = "b"}};
  const std::vector<std::vector<std::string>> chains{{"A", "B"}};
  spec.claims = {
      {.id = "both", .chains = chains, .places = {"few", "many"}},
      {.id = "gone", .chains = chains, .places = {"many"}},
      {.id = "gaps", .chains = chains, .places = {"few", "rest"}, .narrower = {"many", "few"}},
      {.id = "columns",
       .between_columns = true,
       .chains = {{"few", "many"}, {"few", "rest"}},
       .places = {"A"}}};
  return spec;
}

TEST(SuiteFit, ColumnsAndTheirClaimsAreTheSuites) {
  const TableSpec fitted = fitted_to(table(1), suite());
  ASSERT_EQ(fitted.columns.size(), 2U);
  EXPECT_EQ(fitted.columns[0].name, "K400");
  EXPECT_EQ(fitted.columns[0].task, "k400");
  EXPECT_EQ(fitted.columns[0].protocol, "q");
  EXPECT_EQ(fitted.columns[1].name, "rest");
  EXPECT_EQ(fitted.rows[0].encoder, "1/a");
  EXPECT_EQ(fitted.rows[0].paper, (std::map<std::string, double>{{"K400", 1}}));
  ASSERT_EQ(fitted.claims.size(), 3U);
  EXPECT_EQ(fitted.claims[0].places, (std::vector<std::string>{"K400"}));
  EXPECT_EQ(fitted.claims[1].places, (std::vector<std::string>{"rest"}));
  EXPECT_EQ(fitted.claims[1].narrower, (std::vector<std::string>{"K400"}));
  EXPECT_EQ(fitted.claims[2].chains, (std::vector<std::vector<std::string>>{{"K400", "rest"}}));
  require_fit(fitted, suite());
}

TEST(SuiteFit, TheTablesOwnChangeGoesBeforeTheColumns) {
  const TableSpec fitted = fitted_to(table(2), suite());
  EXPECT_EQ(fitted.columns[0].name, "few");
  EXPECT_EQ(fitted.columns[0].task, "motion");
  EXPECT_EQ(fitted.rows[0].encoder, "a");
}

class Paths : public testing::Test {
 protected:
  std::string write(const std::string& text) const {
    write_file_atomically(folder_ / "paths.json", text);
    return (folder_ / "paths.json").string();
  }
  std::string complaint(const std::string& text) const {
    std::string data;
    return message_of([&] { with_paths(suite(), write(text), data); });
  }
  const TestFolder folder_;
};

TEST_F(Paths, SayWhereEverythingLies) {
  std::string data;
  const std::string file = write(
      R"({"data": "/data", "encoders": {"a": {"file": "l.pth", "key": "ema"}},
          "datasets": {"k400": "videos"}})");
  const Suite given = with_paths(suite(), file, data);
  EXPECT_EQ(data, "/data");
  EXPECT_EQ(encoder_of(given, "a").zoo, folder_ / "l.pth");
  EXPECT_EQ(encoder_of(given, "a").reading.key, "ema");
  EXPECT_EQ(encoder_of(given, "a").reading.spec, "vjepa-vitl16");
  EXPECT_EQ(given.tasks[0].dataset_folder, folder_ / "videos");
  data = "/other";
  const Suite declared =
      with_paths(suite(), write(R"({"data": "/data", "datasets": {"k400": "/k.json"}})"), data);
  EXPECT_EQ(data, "/other");  // the flag goes before the file
  EXPECT_EQ(declared.tasks[0].dataset, "/k.json");
}

TEST_F(Paths, KnowTheSuitesNames) {
  EXPECT_NE(complaint(R"({"encoders": {"c": "x"}})").find("expected one of"), std::string::npos);
  EXPECT_NE(complaint(R"({"datasets": {"ssv2": "x"}})").find("expected k400, found \"ssv2\""),
            std::string::npos);
  EXPECT_NE(complaint(R"({"datasets": {"k400": 1}})").find("a path"), std::string::npos);
  EXPECT_NE(complaint(R"({"encoder": {}})").find("nearest valid key: \"encoders\""),
            std::string::npos);
}

}  // namespace suite_fit_test
}  // namespace permafrost
