// SPDX-License-Identifier: Apache-2.0
#include "bench/table_report.h"

#include <gtest/gtest.h>

#include "bench/figure.h"
#include "common/files.h"

namespace permafrost {
namespace {

// Ten samples, the first `right` of them right.
Record record_of(int right, std::uint64_t seed, int failed = 0) {
  Record r;
  r.used_by = {{1, "r", "c", std::nullopt}};
  r.task = {.name = "motion", .version = 1, .classes = 4};
  r.protocol = {{"name", "frozen"}, {"kind", "probe"}};
  r.seed = seed;
  for (int i = 0; i < 10; ++i) {
    const int predicted = i < right ? 1 : (i >= 10 - failed ? -1 : 0);
    r.predictions.push_back({"s" + std::to_string(i), 1, predicted, i});
  }
  complete(r);
  return r;
}

TableSpec spec() {
  TableSpec table{
      .number = 1, .title = "Pixels & features", .source = "a paper", .row_title = "target"};
  table.columns = {{"motion", "SSv2 16x1x1", "motion", "frozen"},
                   {"real_fight", "", "real_fight", "frozen_real"}};
  table.rows = {{"Pixels", "p", false, {{"motion", 66.0}}},
                {"Features", "f", false, {{"motion", 66.2}}},
                {"random-init (floor)", "r", true, {}}};
  table.claims = {{"features lead pixels",
                   ClaimKind::greater,
                   "Features",
                   "Pixels",
                   {"motion", "real_fight"},
                   0},
                  {"they match", ClaimKind::match, "Features", "Pixels", {"motion"}, 5}};
  return table;
}

TableModel sample_table() {
  const CellInput gone{.unavailable = "no such folder"};
  return build_table(spec(), {.suite = "pico", .suite_title = "small ones", .seeds = 2},
                     {{{{record_of(2, 1), record_of(3, 2)}, ""}, gone},
                      {{{record_of(9, 1, 1), record_of(9, 2, 1)}, ""}, gone},
                      {{{record_of(2, 1), record_of(2, 2)}, ""}, gone}});
}

TEST(TableReport, AveragesSeedsAndKeepsTheirSpread) {
  const TableModel table = sample_table();
  const CellModel& cell = table.cells[0][0];
  EXPECT_EQ(cell.seed_values, (std::vector<double>{20, 30}));
  EXPECT_DOUBLE_EQ(cell.mean, 25);
  EXPECT_NEAR(*cell.deviation, 7.0711, 1e-4);
  EXPECT_EQ(cell.paper, 66.0);
  EXPECT_EQ(cell.n, 10);
  EXPECT_LT(cell.ci95.low, 25);
  EXPECT_GT(cell.ci95.high, 25);
  EXPECT_EQ(table.cells[1][0].n_failed, 1);
  EXPECT_FALSE(table.cells[0][1].available());
  EXPECT_DOUBLE_EQ(table.columns[0].chance(), 25);
}

TEST(TableReport, JudgesClaims) {
  const TableModel table = sample_table();
  ASSERT_EQ(table.gaps.size(), 3U);
  EXPECT_DOUBLE_EQ(*table.gaps[0].gap, 65);
  EXPECT_NEAR(*table.gaps[0].paper_gap, 0.2, 1e-9);
  EXPECT_EQ(table.gaps[0].verdict, Verdict::supported);
  EXPECT_EQ(table.gaps[1].verdict, Verdict::not_available);
  EXPECT_EQ(table.gaps[1].reason, "no such folder");
  EXPECT_EQ(table.gaps[2].verdict, Verdict::contradicted);
}

TEST(TableReport, VerdictsFollowTheInterval) {
  EXPECT_EQ(verdict_of(ClaimKind::greater, {0.1, 3}, 0), Verdict::supported);
  EXPECT_EQ(verdict_of(ClaimKind::greater, {-3, -0.1}, 0), Verdict::contradicted);
  EXPECT_EQ(verdict_of(ClaimKind::greater, {-1, 1}, 0), Verdict::undecided);
  EXPECT_EQ(verdict_of(ClaimKind::greater, {0, 0}, 0), Verdict::undecided);
  EXPECT_EQ(verdict_of(ClaimKind::match, {-2, 2}, 3), Verdict::supported);
  EXPECT_EQ(verdict_of(ClaimKind::match, {-2, 4}, 3), Verdict::undecided);
  EXPECT_EQ(verdict_of(ClaimKind::match, {4, 9}, 3), Verdict::contradicted);
  EXPECT_EQ(verdict_of(ClaimKind::match, {-100, 100}, 3), Verdict::undecided);
}

TEST(TableReport, DoesNotCompareDifferentSamples) {
  Record other = record_of(5, 1);
  other.predictions[3].sample = "another";
  complete(other);
  TableSpec one = spec();
  one.columns.pop_back();
  one.rows.pop_back();
  one.claims = {{"lead", ClaimKind::greater, "Features", "Pixels", {"motion"}, 0}};
  const TableModel table =
      build_table(one, {"pico", "", 1, false}, {{{{record_of(2, 1)}, ""}}, {{{other}, ""}}});
  EXPECT_EQ(table.gaps[0].verdict, Verdict::not_available);
  EXPECT_NE(table.gaps[0].reason.find("different samples"), std::string::npos);
  EXPECT_FALSE(table.cells[0][0].deviation.has_value());
}

TEST(TableReport, MarkdownReadsWell) {
  EXPECT_EQ(to_markdown(sample_table()), R"md(## Table 1: Pixels & features

| target              |            motion |    real_fight |
|:--------------------|------------------:|--------------:|
| Pixels              | 25.0 ± 7.1 (66.0) | not available |
|                     |       [5.0, 50.1] |               |
| Features            | 90.0 ± 0.0 (66.2) | not available |
|                     |     [70.0, 100.0] |               |
| random-init (floor) |        20.0 ± 0.0 | not available |
|                     |       [0.0, 50.0] |               |

| claim                | column     | gap, ours |  95 % interval | paper | verdict       |
|:---------------------|:-----------|----------:|---------------:|------:|:--------------|
| features lead pixels | motion     |     +65.0 | [+39.9, +90.0] |  +0.2 | supported     |
|                      | real_fight |           |                |     – | not available |
| they match (±5.0)    | motion     |     +65.0 | [+39.9, +90.0] |  +0.2 | contradicted  |

- Suite pico: small ones; seeds 1 to 2.
- Top-1 accuracy in percent: the mean over seeds, in round brackets the paper's number.
- ± is the sample standard deviation over seeds (start of the head, order, held-out part; one and the same encoder).
- [low, high] is a 95 % percentile bootstrap over test samples; it knows nothing of other encoders trained the same way.
- Gaps are points on the same samples, their interval a paired bootstrap over these. "Leads" is supported where the interval lies above 0 and contradicted where it lies below; "match" is supported where it lies within the margin and contradicted where it lies outside.
- motion: stands for SSv2 16x1x1; n = 10, chance 25.0, task motion v1, protocol frozen.
- real_fight: stands for no column of the paper; task real_fight, protocol frozen_real.
- Coverage of Features, motion: 9 of 10 samples could be read; the others count as wrong and are listed with their reasons in the records.
- Not available (Pixels, Features, random-init (floor) in real_fight): no such folder.
- Published numbers: a paper.
)md");
}

TEST(TableReport, CsvHasALineACell) {
  EXPECT_EQ(
      to_csv(sample_table()),
      R"csv(table,suite,row,column,stands_for,mean,sd_over_seeds,ci95_low,ci95_high,paper,seeds,n,n_failed,chance,not_available
1,pico,Pixels,motion,SSv2 16x1x1,25.0000,7.0711,5.0000,50.1250,66.0,2,10,0,25.0000,
1,pico,Pixels,real_fight,,,,,,,0,0,0,,no such folder
1,pico,Features,motion,SSv2 16x1x1,90.0000,0.0000,70.0000,100.0000,66.2,2,10,1,25.0000,
1,pico,Features,real_fight,,,,,,,0,0,0,,no such folder
1,pico,random-init (floor),motion,SSv2 16x1x1,20.0000,0.0000,0.0000,50.0000,,2,10,0,25.0000,
1,pico,random-init (floor),real_fight,,,,,,,0,0,0,,no such folder
)csv");
}

TEST(TableReport, LatexIsEscaped) {
  const std::string text = to_latex(sample_table());
  EXPECT_NE(text.find("Pixels \\& features"), std::string::npos);
  EXPECT_NE(text.find("real\\_fight"), std::string::npos);
  EXPECT_NE(text.find("25.0 $\\pm$ 7.1 (66.0)"), std::string::npos);
  EXPECT_EQ(text.find("\n["), std::string::npos);
}

TEST(TableReport, JsonHoldsNumbersAndVerdicts) {
  const OrderedJson json = to_json(sample_table());
  EXPECT_EQ(json["schema"], "permafrost.table.1");
  EXPECT_EQ(json["cells"].size(), 6U);
  EXPECT_EQ(json["cells"][0]["mean"], 25.0);
  EXPECT_EQ(json["cells"][1]["not_available"], "no such folder");
  EXPECT_EQ(json["claims"][0]["verdict"], "supported");
  EXPECT_TRUE(json["columns"][1]["stands_for"].is_null());
}

TEST(TableReport, FigureIsWellFormedAndDeterministic) {
  const std::string text = to_svg(sample_table());
  EXPECT_EQ(text, to_svg(sample_table()));
  EXPECT_EQ(text.rfind("<svg ", 0), 0U);
  EXPECT_NE(text.find("Pixels &amp; features"), std::string::npos);
  EXPECT_NE(text.find("n/a"), std::string::npos);
  EXPECT_EQ(text.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace permafrost
