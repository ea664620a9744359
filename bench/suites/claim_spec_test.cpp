// SPDX-License-Identifier: Apache-2.0
#include "bench/suites/claim_spec.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/suites/table_spec.h"
#include "bench/testing/test_messages.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace claim_spec_test {
namespace fs = std::filesystem;

TableSpec table() {
  TableSpec spec{.number = 1, .title = "One"};
  spec.columns = {{.name = "motion"}, {.name = "motion-5"}, {.name = "motion-50"}};
  spec.rows = {{.name = "Pixels"}, {.name = "Features"}, {.name = "Floor"}};
  return spec;
}

Json claim() {
  return {{"claim", "table1.lead"},    {"table", 1},           {"text", "features lead"},
          {"says", "They do better."}, {"where", "section 4"}, {"kind", "greater"},
          {"better", "Features"},      {"worse", "Pixels"},    {"columns", {"motion"}}};
}

std::string complaint(const std::function<void(Json&)>& change) {
  Json json = claim();
  change(json);
  return message_of([&] { parse_claim(json, table(), "c.json"); });
}

TEST(ClaimSpec, ClaimsOfTheTreeFitItsTables) {
  std::set<std::string> ids;
  for (const int number : table_numbers()) {
    for (const auto& found : read_table(number).claims) {
      EXPECT_TRUE(ids.insert(found.id).second) << found.id;
      EXPECT_EQ(found.id.rfind("table" + std::to_string(number) + ".", 0), 0U) << found.id;
      EXPECT_TRUE(found.control || holds(found.where, "arXiv 2404.08471") ||
                  (found.table >= 108 && holds(found.where, "arXiv")))
          << found.id;
    }
  }
  EXPECT_TRUE(ids.contains("table1.features-lead-pixels-frozen"));
  EXPECT_TRUE(ids.contains("table4.order-of-maskings"));
}

TEST(ClaimSpec, FilesOfTheTreeAreJsonWithTheirNames) {
  for (const auto& entry : fs::directory_iterator(claim_folder())) {
    const Json json = read_json(entry.path());
    EXPECT_EQ(json.at("claim"), entry.path().stem().string());
    EXPECT_TRUE(json.value("control", false) || !json.at("says").get<std::string>().empty());
  }
}

TEST(ClaimSpec, ControlsComeLast) {
  bool control = false;
  for (const auto& found : read_table(1).claims) {
    EXPECT_TRUE(!control || found.control);
    control = found.control;
  }
  EXPECT_TRUE(control);
}

TEST(ClaimSpec, SeveralWorseRowsAreSeveralComparisons) {
  Json json = claim();
  json["worse"] = {"Pixels", "Floor"};
  const ClaimSpec found = parse_claim(json, table(), "c.json");
  ASSERT_EQ(found.chains.size(), 2U);
  EXPECT_EQ(found.chains[1], (std::vector<std::string>{"Features", "Floor"}));
  EXPECT_EQ(subject_of(found, found.chains[1]), "Features > Floor");
}

TEST(ClaimSpec, OrdersAndGapsAndColumnsAreRead) {
  Json json = claim();
  json.erase("better");
  json.erase("worse");
  json["kind"] = "order";
  json["order"] = {"Features", "Pixels", "Floor"};
  EXPECT_EQ(parse_claim(json, table(), "c").chains[0].size(), 3U);

  json = claim();
  json["kind"] = "difference_of_gaps";
  json.erase("columns");
  json["pairs"] = parse_json(R"([["motion-5", "motion-50"]])", "pairs");
  const ClaimSpec gaps = parse_claim(json, table(), "c");
  EXPECT_EQ(gaps.places, std::vector<std::string>{"motion-5"});
  EXPECT_EQ(gaps.narrower, std::vector<std::string>{"motion-50"});

  json = claim();
  for (const auto* key : {"better", "worse", "columns"}) json.erase(key);
  json["between"] = "columns";
  json["pairs"] = parse_json(R"([["motion-50", "motion-5"]])", "pairs");
  json["rows"] = {"Features"};
  const ClaimSpec columns = parse_claim(json, table(), "c");
  EXPECT_TRUE(columns.between_columns);
  EXPECT_EQ(columns.places, std::vector<std::string>{"Features"});
}

TEST(ClaimSpec, ClaimsAreReadStrictly) {
  EXPECT_EQ(complaint([](Json&) {}), "");
  EXPECT_TRUE(holds(complaint([](Json& j) { j["better"] = "Feature"; }), "\"Features\""));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["columns"][0] = "motoin"; }), "\"motion\""));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["margin"] = 1; }), "margin"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["kind"] = "greatest"; }), "greater"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["table"] = 2; }), "table"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["worse"] = "Features"; }), "twice"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j["columns"] = Json::array(); }), "at least one"));
  EXPECT_TRUE(holds(complaint([](Json& j) { j.erase("says"); }), "says"));
}

TEST(ClaimSpec, AMarginSaysWhy) {
  const auto equivalent = [](Json& j) {
    j["kind"] = "equivalent";
    j["margin"] = 3;
  };
  EXPECT_TRUE(holds(complaint(equivalent), "why_margin"));
  EXPECT_EQ(complaint([&](Json& j) {
              equivalent(j);
              j["why_margin"] = "because";
            }),
            "");
}

TEST(ClaimSpec, ClaimsOfOtherTablesAreLeftAlone) {
  const TestFolder parent;
  const fs::path folder = parent / "claims";
  ::setenv("PERMAFROST_CLAIMS", folder.c_str(), 1);
  EXPECT_TRUE(read_claims(table()).empty());  // no folder, no claims
  Json json = claim();
  write_file_atomically(folder / "table1.lead.json", json.dump());
  json["table"] = 7;
  write_file_atomically(folder / "table7.lead.json", json.dump());
  EXPECT_EQ(read_claims(table()).size(), 1U);
  write_file_atomically(folder / "other.json", claim().dump());
  EXPECT_TRUE(holds(message_of([] { read_claims(table()); }), "other.json: claim"));
  ::unsetenv("PERMAFROST_CLAIMS");
}

}  // namespace claim_spec_test
}  // namespace permafrost
