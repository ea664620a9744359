// SPDX-License-Identifier: Apache-2.0
#include "bench/records/comparison.h"

#include <gtest/gtest.h>

#include <functional>

#include "bench/records/record_folder.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace comparison_test {
namespace fs = std::filesystem;

class Compare : public testing::Test {
 protected:
  // Samples begin .. end-1 of 400 are right; `group` samples share a group.
  static Record record(const std::string& row, int begin, int end, std::uint64_t seed = 1,
                       int group = 1) {
    Record r;
    r.used_by = {{1, row, "motion", std::nullopt}};
    r.encoder = {
        .name = row, .source = "file", .sha256 = "weights of " + row, .spec = Json::object()};
    r.task = {
        .name = "motion", .manifest_sha256 = "m", .identity = "i", .version = 1, .classes = 4};
    r.protocol = {{"name", "frozen"}, {"kind", "probe"}, {"epochs", 20}};
    r.seed = seed;
    for (int i = 0; i < 400; ++i)
      r.predictions.push_back(
          {"s" + std::to_string(i), 1, i >= begin && i < end ? 1 : 0, i / group});
    return r;
  }

  void put(const std::string& folder, Record r) const {
    complete(r);
    write_record(root_ / folder, r);
  }

  Comparison compare(const ComparisonOptions& options = {}) const {
    return compare_results(root_ / "base", root_ / "new", options);
  }

  std::string refusal() const {
    try {
      compare();
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

  const TestFolder root_;
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(Compare, EqualRunsAreTheSame) {
  put("base", record("A", 0, 200));
  put("new", record("A", 0, 200));
  const Comparison found = compare();
  ASSERT_EQ(found.cells.size(), 1U);
  EXPECT_EQ(found.cells[0].outcome, CellOutcome::same);
  EXPECT_DOUBLE_EQ(*found.cells[0].p, 1);
  EXPECT_FALSE(found.regression());
}

TEST_F(Compare, ARealFallIsARegression) {
  put("base", record("A", 0, 200));
  put("new", record("A", 0, 150));
  const Comparison found = compare();
  EXPECT_EQ(found.cells[0].outcome, CellOutcome::fallen);
  EXPECT_EQ(found.cells[0].method, ComparisonMethod::mcnemar);
  EXPECT_DOUBLE_EQ(found.cells[0].change, -12.5);
  EXPECT_EQ(found.cells[0].discordance, (Discordance{0, 50}));
  EXPECT_LT(found.cells[0].ci95.high, 0);
  EXPECT_TRUE(found.regression());
  EXPECT_FALSE(compare({.tolerance = 12.5}).regression());
}

TEST_F(Compare, AFallThatMayBeChanceIsNot) {
  put("base", record("A", 0, 200));
  put("new", record("A", 40, 230));  // 40 lost, 30 won: 2.5 points
  const Comparison found = compare();
  EXPECT_EQ(found.cells[0].outcome, CellOutcome::within);
  EXPECT_GT(*found.cells[0].p, 0.05);
  EXPECT_FALSE(found.regression());
}

TEST_F(Compare, RisesAreToldAndPass) {
  put("base", record("A", 0, 150));
  put("new", record("A", 0, 200));
  EXPECT_EQ(compare().cells[0].outcome, CellOutcome::risen);
  EXPECT_FALSE(compare().regression());
}

TEST_F(Compare, OtherWeightsAreStillTheSameCell) {
  put("base", record("A", 0, 200));
  Record other = record("A", 0, 200);
  other.encoder.sha256 = "retrained";
  put("new", other);
  const Comparison found = compare();
  EXPECT_TRUE(found.cells[0].other_weights);
  EXPECT_NE(found.cells[0].baseline_key, found.cells[0].candidate_key);
  EXPECT_TRUE(holds(to_markdown(found), "1 cells have other encoder weights"));
}

TEST_F(Compare, CellsOutsideOfTablesMatchByTheirNames) {
  Record base = record("A", 0, 200), other = record("A", 0, 100);
  base.used_by = {{0, "A", "attentive", std::nullopt}};
  other.used_by = {{0, "anything", "else", std::nullopt}};
  put("base", base);
  put("new", other);
  EXPECT_EQ(compare().cells[0].outcome, CellOutcome::fallen);
}

TEST_F(Compare, SeedsAreNotMixed) {
  put("base", record("A", 0, 200, 1));
  put("base", record("A", 0, 210, 2));
  put("new", record("A", 0, 210, 2));
  put("new", record("A", 0, 200, 1));
  const Comparison found = compare();
  EXPECT_EQ(found.count(CellOutcome::same), 2U);
  EXPECT_EQ(found.cells[0].name, "motion, seed 1");
}

TEST_F(Compare, GroupsOfSamplesArePairedAsGroups) {
  put("base", record("A", 0, 200, 1, 50));
  put("new", record("A", 0, 150, 1, 50));  // one group of eight lost: no proof
  const Comparison found = compare();
  EXPECT_EQ(found.cells[0].method, ComparisonMethod::paired_bootstrap);
  EXPECT_EQ(found.cells[0].outcome, CellOutcome::within);
}

TEST_F(Compare, WithoutPredictionsIntervalsDecide) {
  put("base", record("A", 0, 200));
  put("base", record("B", 0, 200));
  fs::remove_all(root_ / "base/predictions");
  put("new", record("A", 0, 150));
  put("new", record("B", 0, 190));
  const Comparison found = compare();
  EXPECT_EQ(found.cells[0].method, ComparisonMethod::intervals);
  EXPECT_FALSE(found.cells[0].p.has_value());
  EXPECT_EQ(found.cells[0].outcome, CellOutcome::fallen);
  // Two shares of 400: 1.96 * sqrt(0.25 / 400 + 0.375 * 0.625 / 400) = 6.8 points.
  EXPECT_NEAR(found.cells[0].ci95.low, -12.5 - 6.8, 0.4);
  EXPECT_NEAR(found.cells[0].ci95.high, -12.5 + 6.8, 0.4);
  EXPECT_EQ(found.cells[1].outcome, CellOutcome::within);
}

TEST_F(Compare, OtherSamplesAreComparedByIntervals) {
  put("base", record("A", 0, 200));
  Record other = record("A", 0, 200);
  other.predictions[7].sample = "another";
  put("new", other);
  EXPECT_EQ(compare().cells[0].method, ComparisonMethod::intervals);
}

TEST_F(Compare, MissingCellsAreRegressionsUnlessAllowed) {
  put("base", record("A", 0, 200));
  put("base", record("B", 0, 200));
  put("new", record("A", 0, 200));
  put("new", record("C", 0, 200));
  const Comparison found = compare();
  EXPECT_EQ(found.count(CellOutcome::missing), 1U);
  EXPECT_EQ(found.count(CellOutcome::added), 1U);
  EXPECT_TRUE(found.regression());
  EXPECT_FALSE(compare({.allow_missing = true}).regression());
}

TEST_F(Compare, NothingInCommonIsRefused) {
  put("base", record("A", 0, 200));
  put("new", record("B", 0, 200));
  EXPECT_TRUE(holds(refusal(), "a cell in common"));
  fs::remove_all(root_ / "new");
  EXPECT_TRUE(holds(refusal(), "no such folder"));
}

TEST_F(Compare, DifferentVersionsAndProtocolsAreRefusedByName) {
  const auto refused = [&](const std::function<void(Record&)>& change) {
    fs::remove_all(root_);
    put("base", record("A", 0, 200));
    Record other = record("A", 0, 200);
    change(other);
    put("new", other);
    return refusal();
  };
  EXPECT_EQ(refused([](Record&) {}), "");
  EXPECT_TRUE(holds(refused([](Record& r) { r.task.version = 2; }),
                    "task/version: expected 1 as in the baseline, found 2"));
  EXPECT_TRUE(holds(refused([](Record& r) { r.task.classes = 5; }), "task/classes"));
  EXPECT_TRUE(holds(refused([](Record& r) { r.evaluation_version = 99; }), "evaluation_version"));
  EXPECT_TRUE(holds(refused([](Record& r) { r.protocol["epochs"] = 4; }),
                    "protocol/epochs: expected 20 as in the baseline, found 4"));
  EXPECT_TRUE(holds(refused([](Record& r) { r.protocol["views"] = 3; }),
                    "protocol/views: expected null as in the baseline, found 3"));
}

TEST_F(Compare, TwoRecordsOfOneCellAreRefused) {
  put("base", record("A", 0, 200));
  put("new", record("A", 0, 200));
  Record again = record("A", 0, 200);
  again.encoder.sha256 = "an older run";
  put("new", again);
  EXPECT_TRUE(holds(refusal(), "table 1, A, motion, seed 1: expected one record, found 2"));
}

TEST_F(Compare, ManyCellsNeedStrongerEvidence) {
  for (int i = 0; i < 12; ++i) {
    const std::string row(1, static_cast<char>('A' + i));
    put("base", record(row, 0, 200));
    put("new", i == 0 ? record(row, 10, 202) : record(row, 0, 200));  // 10 lost, 2 won: p = 0.039
  }
  const Comparison found = compare();
  EXPECT_NEAR(*found.cells[0].p, 0.0386, 1e-3);
  EXPECT_EQ(found.cells[0].outcome, CellOutcome::within);
}

TEST_F(Compare, MarkdownReadsWell) {
  put("base", record("A", 0, 200));
  put("base", record("B", 0, 200));
  put("new", record("A", 0, 150));
  EXPECT_EQ(to_markdown(compare()), R"md(## Comparison with the baseline

Regression: of 2 cells, 1 fallen, 1 missing.

| cell       |                | baseline | candidate | change | 95 % interval |      p | by      |             |
|:-----------|:---------------|---------:|----------:|-------:|--------------:|-------:|:--------|:------------|
| table 1, A | motion, seed 1 |     50.0 |      37.5 |  -12.5 | [-15.8, -9.5] | <0.001 | McNemar | **fallen**  |
| table 1, B | motion, seed 1 |     50.0 |         – |        |               |        |         | **missing** |

- Fallen: lost more than the tolerance of 1.0 points, and the loss is no chance (adjusted p below 0.05; Holm over all cells). Within: changed, but not both.
- McNemar: exact test of the samples that only one side has right; [low, high] is a paired 95 % bootstrap over test samples.
- Cells that are missing from the candidate are regressions (--allow-missing lets them pass).
)md");
}

TEST_F(Compare, JUnitIsEscaped) {
  Record base = record("A", 0, 200), other = record("A", 0, 150);
  base.used_by[0].row = other.used_by[0].row = "<A> & \"B\"\n\x01'";
  put("base", base);
  put("new", other);
  const std::string xml = to_junit(compare());
  EXPECT_TRUE(holds(xml, "<testsuites tests=\"1\" failures=\"1\">"));
  EXPECT_TRUE(holds(xml, "classname=\"table 1, &lt;A&gt; &amp; &quot;B&quot;&#10;&#39;\""));
  EXPECT_TRUE(holds(xml, "<failure type=\"fallen\" message=\"50.0 to 37.5, -12.5 points"));
}

TEST_F(Compare, JsonHoldsEveryCell) {
  put("base", record("A", 0, 200));
  put("base", record("B", 0, 200));
  put("new", record("A", 0, 150));
  const OrderedJson json = to_json(compare());
  EXPECT_EQ(json["schema"], "permafrost.comparison.1");
  EXPECT_EQ(json["regression"], true);
  EXPECT_EQ(json["cells"][0]["outcome"], "fallen");
  EXPECT_EQ(json["cells"][0]["only_right"]["baseline"], 50);
  EXPECT_TRUE(json["cells"][1]["candidate"].is_null());
}

}  // namespace comparison_test
}  // namespace permafrost
