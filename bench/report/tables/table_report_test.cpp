// SPDX-License-Identifier: Apache-2.0
#include "bench/report/tables/table_report.h"

#include <gtest/gtest.h>

#include "bench/report/tables/figure.h"
#include "bench/statistics/statistics_paired.h"
#include "common/files/files.h"

namespace permafrost {
namespace table_report_test {

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
  table.claims = {{.id = "table1.lead",
                   .table = 1,
                   .text = "features lead pixels",
                   .chains = {{"Features", "Pixels"}},
                   .places = {"motion", "real_fight"}},
                  {.id = "table1.match",
                   .table = 1,
                   .text = "they match",
                   .kind = ClaimKind::equivalent,
                   .chains = {{"Features", "Pixels"}},
                   .places = {"motion"},
                   .margin = 5}};
  return table;
}

TableModel sample_table() {
  const TableCell gone{.unavailable = "no such folder"};
  return build_table(spec(), {.suite = "pico", .suite_title = "small ones", .seeds = 2},
                     {{{{record_of(2, 1), record_of(3, 2)}, ""}, gone},
                      {{{record_of(9, 1, 1), record_of(9, 2, 1)}, ""}, gone},
                      {{{record_of(2, 1), record_of(2, 2)}, ""}, gone}});
}

TEST(TableReport, AveragesSeedsAndKeepsTheirSpread) {
  const TableModel table = sample_table();
  const CellModel& cell = table.cells[0][0];
  EXPECT_EQ(cell.repeated.values, (std::vector<double>{20, 30}));
  EXPECT_EQ(cell.repeated.over, SpreadOver::seeds);
  EXPECT_DOUBLE_EQ(cell.repeated.mean, 25);
  EXPECT_NEAR(*cell.repeated.deviation, 7.0711, 1e-4);
  EXPECT_NEAR(cell.repeated.ci95->high, 25 + 12.7062 * 5, 1e-3);
  EXPECT_EQ(cell.paper, 66.0);
  EXPECT_EQ(cell.n, 10);
  EXPECT_LT(cell.ci95.low, 25);
  EXPECT_GT(cell.ci95.high, 25);
  EXPECT_EQ(table.cells[1][0].n_failed, 1);
  EXPECT_FALSE(table.cells[0][1].available());
  EXPECT_DOUBLE_EQ(table.columns[0].chance, 25);
}

TEST(TableReport, JudgesClaims) {
  const TableModel table = sample_table();
  ASSERT_EQ(table.findings.size(), 3U);
  EXPECT_DOUBLE_EQ(*table.findings[0].effect, 65);
  EXPECT_NEAR(*table.findings[0].paper, 0.2, 1e-9);
  EXPECT_EQ(table.findings[0].verdict, Verdict::below_the_floor);
  EXPECT_EQ(table.findings[0].reason, "Pixels does not lead random-init (floor) on motion");
  EXPECT_EQ(table.findings[1].verdict, Verdict::not_available);
  EXPECT_EQ(table.findings[1].reason, "no such folder");
  EXPECT_EQ(table.findings[2].verdict, Verdict::below_the_floor);
}

TEST(TableReport, CountsTestsAndControlsApart) {
  const auto text = [](std::size_t controls) {
    TableModel table = sample_table();
    for (std::size_t i = 0; i < controls; ++i) table.findings[2 * i].control = true;
    return to_markdown(table);
  };
  EXPECT_NE(text(0).find("among the 2 tests of this table; the"), std::string::npos);
  EXPECT_NE(text(1).find("among the 1 test of this table and, apart from them, its 1 control;"),
            std::string::npos);
  EXPECT_NE(text(2).find("among the 2 controls of this table;"), std::string::npos);
}

TEST(TableReport, SaysWhichRowsHaveOtherWeightsForOtherSeeds) {
  const auto table = [](bool pretrained, bool drawn) {
    TableSpec two = spec();
    two.columns.pop_back();
    two.rows.erase(two.rows.begin());
    two.claims.clear();
    std::vector<Record> first{record_of(3, 1), record_of(4, 2)},
        floor{record_of(2, 1), record_of(1, 2)};
    if (pretrained) first[1].encoder.sha256 = "other";
    if (drawn) floor[1].encoder.sha256 = "other";
    return build_table(two, {.suite = "pico", .seeds = 2}, {{{first, ""}}, {{floor, ""}}});
  };
  const auto says = [](const TableModel& model, const std::string& text) {
    return to_markdown(model).find("over seeds" + text) != std::string::npos;
  };
  EXPECT_TRUE(says(table(true, true),
                   ": in Features each is another pretraining of the encoder and in random-init "
                   "(floor) each has other random weights, with a head"));
  EXPECT_TRUE(says(table(true, false),
                   ": in Features each is another pretraining of the encoder, "
                   "with a head"));
  EXPECT_TRUE(says(table(false, true), ": in random-init (floor) each has other random weights, "));
  EXPECT_TRUE(says(table(false, false), " (start of the head, order, held-out part; one and the "));
  // Other draws of a floor say nothing of pretrainings.
  EXPECT_TRUE(table(false, true).one_encoder_a_row);
  EXPECT_FALSE(table(true, false).one_encoder_a_row);
}

TEST(TableReport, SaysHowMuchOfTheReleasedDatasetIsHere) {
  Record part = record_of(3, 1);
  part.task.listed = {{.train = 90, .test = 10, .released_train = 100, .released_test = 12}};
  TableSpec one = spec();
  one.columns.pop_back();
  one.rows.resize(1);
  one.claims.clear();
  const TableModel table =
      build_table(one, {.suite = "pico", .seeds = 1}, {{TableCell{{part}, ""}}});
  EXPECT_NE(to_markdown(table).find(
                "n = 10 (10 of 12 released; the training list has 90 of 100), chance 25.0"),
            std::string::npos)
      << to_markdown(table);
  EXPECT_EQ(to_json(table)["columns"][0]["samples"]["released_train"], 100);
}

TEST(TableReport, SaysWhatWasLeftOutOfTraining) {
  Record part = record_of(3, 1), whole = record_of(4, 2);
  part.training_failures = {{"t/1", "no such file"}, {"t/2", "no such file"}};
  TableSpec one = spec();
  one.columns.pop_back();
  one.rows.resize(1);
  one.claims.clear();
  const TableModel table =
      build_table(one, {.suite = "pico", .seeds = 2}, {{TableCell{{part, whole}, ""}}});
  EXPECT_NE(to_markdown(table).find("Training of Pixels, motion: 2 samples of the training list"),
            std::string::npos);
  EXPECT_EQ(to_json(table)["cells"][0]["n_untrained"], 2);
}

TEST(TableReport, RanksRowsAsThePaperDoesOrNot) {
  TableSpec three = spec();
  three.columns.pop_back();
  three.claims.clear();
  three.rows[2].paper = {{"motion", 90.0}};
  const auto cell = [](int right) { return std::vector<TableCell>{{{record_of(right, 1)}, ""}}; };
  const TableModel table =
      build_table(three, {.suite = "pico", .seeds = 1}, {cell(2), cell(4), cell(3)});
  ASSERT_EQ(table.ranks.size(), 1U);
  EXPECT_EQ(table.ranks[0].rows.size(), 3U);
  EXPECT_DOUBLE_EQ(table.ranks[0].spearman.value, 0.5);
  EXPECT_NEAR(table.ranks[0].kendall.value, 1.0 / 3, 1e-12);
  EXPECT_NE(to_markdown(table).find("| motion "), std::string::npos);
  EXPECT_EQ(to_json(table)["rank_correlation_with_paper"][0]["spearman"]["value"], 0.5);
  EXPECT_TRUE(sample_table().ranks.empty());  // two rows have published numbers
}

TEST(TableReport, SplitsAreNotCalledSeeds) {
  TableSpec one = spec();
  one.columns.pop_back();
  one.rows.resize(1);
  one.claims.clear();
  TableCell cell{{record_of(2, 1), record_of(4, 1)}, ""};
  cell.seeds[1].task.identity = "another subset";
  const TableModel table = build_table(one, {.suite = "pico", .seeds = 2}, {{cell}});
  EXPECT_NE(to_markdown(table).find("In motion the mean and ± are over splits"), std::string::npos);
  EXPECT_NE(to_csv(table).find(",over splits,2,14.1421,"), std::string::npos);
  EXPECT_TRUE(to_json(table)["cells"][0].contains("sd_over_splits"));
  EXPECT_FALSE(to_json(table)["cells"][0].contains("sd_over_seeds"));
}

TEST(TableReport, DoesNotCompareDifferentSamples) {
  Record other = record_of(5, 1);
  other.predictions[3].sample = "another";
  complete(other);
  TableSpec one = spec();
  one.columns.pop_back();
  one.rows.pop_back();
  one.claims = {{.id = "lead", .chains = {{"Features", "Pixels"}}, .places = {"motion"}}};
  const TableModel table =
      build_table(one, {"pico", "", 1, false}, {{{{record_of(2, 1)}, ""}}, {{{other}, ""}}});
  EXPECT_EQ(table.findings[0].verdict, Verdict::not_available);
  EXPECT_NE(table.findings[0].reason.find("different samples"), std::string::npos);
  EXPECT_FALSE(table.cells[0][0].repeated.deviation.has_value());
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

| claim                | column     | gap, ours |  95 % interval | p (Holm) | paper | verdict         | n to decide |
|:---------------------|:-----------|----------:|---------------:|---------:|------:|:----------------|------------:|
| features lead pixels | motion     |     +65.0 | [+35.0, +90.0] |   <0.001 |  +0.2 | below the floor |             |
|                      | real_fight |           |                |          |     – | not available   |             |
| they match (±5.0)    | motion     |     +65.0 | [+35.0, +90.0] |   <0.001 |  +0.2 | below the floor |             |

- Suite pico: small ones; seeds 1 to 2.
- Top-1 accuracy in percent: the mean over seeds, in round brackets the paper's number.
- ± is the sample standard deviation over seeds (start of the head, order, held-out part; one and the same encoder).
- [low, high] is a 95 % percentile bootstrap over test samples; it knows nothing of encoders other than those that were measured.
- Gaps are points on the same samples, their interval a paired bootstrap over these. p is that of "no gap", two-sided, adjusted after Holm among the 2 tests of this table; the verdict uses it: below 0.05 a claim is supported or, where the gap points the other way, contradicted.
- "Match" (±): p is that of two one-sided tests against the margin, or of a gap within it where the data speak for a gap beyond.
- Below the floor: the gap would decide the claim, but one of its rows does not lead every floor in this column (the 95 % interval of that lead reaches zero).
- Every row is one encoder: verdicts are about these weights, and nothing is known over pretraining seeds.
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
      R"csv(table,suite,row,column,stands_for,mean,ci95_over_samples_low,ci95_over_samples_high,repeated,repetitions,sd_of_repetitions,ci95_of_repetitions_low,ci95_of_repetitions_high,paper,n,n_failed,chance,metric,encoders,not_available
1,pico,Pixels,motion,SSv2 16x1x1,25.0000,5.0000,50.1250,over seeds,2,7.0711,-38.5310,88.5310,66.0,10,0,25.0000,top1,1,
1,pico,Pixels,real_fight,,,,,,0,,,,,0,0,,top1,0,no such folder
1,pico,Features,motion,SSv2 16x1x1,90.0000,70.0000,100.0000,over seeds,2,0.0000,90.0000,90.0000,66.2,10,1,25.0000,top1,1,
1,pico,Features,real_fight,,,,,,0,,,,,0,0,,top1,0,no such folder
1,pico,random-init (floor),motion,SSv2 16x1x1,20.0000,0.0000,50.0000,over seeds,2,0.0000,20.0000,20.0000,,10,0,25.0000,top1,1,
1,pico,random-init (floor),real_fight,,,,,,0,,,,,0,0,,top1,0,no such folder
)csv");
}

TEST(TableReport, ClaimsCsvHasALineAFinding) {
  EXPECT_EQ(
      claims_to_csv(sample_table()),
      R"csv(table,suite,claim,kind,control,part,subject,column,gap,ci95_over_samples_low,ci95_over_samples_high,p,p_holm,paper_gap,verdict,samples_to_decide,gaps_by_pretraining,pretrainings_to_decide,not_available
1,pico,table1.lead,greater,no,,Features > Pixels,motion,65.0000,35.0000,90.0000,0.000400,0.000800,0.2,below the floor,,,,
1,pico,table1.lead,greater,no,,Features > Pixels,real_fight,,,,,,,not available,,,,no such folder
1,pico,table1.match,equivalent,no,,Features ~ Pixels,motion,65.0000,35.0000,90.0000,0.000400,0.000800,0.2,below the floor,,,,
)csv");
}

TEST(TableReport, LatexIsEscaped) {
  const std::string text = to_latex(sample_table());
  EXPECT_NE(text.find("Pixels \\& features"), std::string::npos);
  EXPECT_NE(text.find("real\\_fight"), std::string::npos);
  EXPECT_NE(text.find("25.0 $\\pm$ 7.1 (66.0)"), std::string::npos);
  EXPECT_EQ(text.find("\n["), std::string::npos);
  EXPECT_NE(text.find("they match ($\\pm$5.0) & motion & +65.0 & {[+35.0, +90.0]} & $<$0.001 & "
                      "+0.2 & below the floor"),
            std::string::npos);
}

TEST(TableReport, JsonHoldsNumbersAndVerdicts) {
  const OrderedJson json = to_json(sample_table());
  EXPECT_EQ(json["schema"], "permafrost.table.1");
  EXPECT_EQ(json["cells"].size(), 6U);
  EXPECT_EQ(json["cells"][0]["mean"], 25.0);
  EXPECT_EQ(json["cells"][1]["not_available"], "no such folder");
  EXPECT_EQ(json["claims"][0]["verdict"], "below_the_floor");
  EXPECT_EQ(json["claims"][1]["verdict"], "not_available");
  EXPECT_NEAR(json["claims"][0]["p_holm"], 4.0 / (kPairedResamples + 1), 1e-12);
  EXPECT_EQ(json["known_over_pretraining_seeds"], false);
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

}  // namespace table_report_test
}  // namespace permafrost
