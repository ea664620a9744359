// SPDX-License-Identifier: Apache-2.0
#include "bench/report/tables/claim_report.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace claim_report_test {

constexpr int kSamples = 400;

// The samples begin .. end-1 are right.
Record record_of(int begin, int end, std::uint64_t seed = 1) {
  Record record;
  record.used_by = {{1, "r", "c", std::nullopt}};
  record.encoder.sha256 = "weights";
  record.task = {.name = "motion", .version = 1, .classes = 4};
  record.protocol = {{"name", "frozen"}, {"kind", "probe"}};
  record.seed = seed;
  for (int i = 0; i < kSamples; ++i)
    record.predictions.push_back({"s" + std::to_string(i), 1, i >= begin && i < end ? 1 : 0, i});
  complete(record);
  return record;
}

TableCell cell(int begin, int end) { return {{record_of(begin, end)}, ""}; }

TableSpec table(std::vector<ClaimSpec> claims) {
  TableSpec spec{.number = 1, .title = "One"};
  spec.columns = {{.name = "few"}, {.name = "many"}};
  spec.rows = {{.name = "A", .paper = {{"few", 70}, {"many", 80}}},
               {.name = "B", .paper = {{"few", 60}, {"many", 78}}},
               {.name = "C"}};
  spec.claims = std::move(claims);
  return spec;
}

ClaimSpec claim(ClaimKind kind, std::vector<std::string> chain, double margin = 0) {
  return {.id = "t",
          .table = 1,
          .text = "claim",
          .kind = kind,
          .chains = {std::move(chain)},
          .places = {"few"},
          .margin = margin};
}

// Rows A, B, C with these shares right, in both columns.
std::vector<std::vector<TableCell>> cells(int a, int b, int c) {
  std::vector<std::vector<TableCell>> inputs;
  for (const int right : {a, b, c}) inputs.push_back({cell(0, right), cell(0, right)});
  return inputs;
}

TEST(ClaimReport, GreaterIsJudgedInBothDirections) {
  const auto up = judge_claims(table({claim(ClaimKind::greater, {"A", "B"})}), cells(300, 200, 0));
  ASSERT_EQ(up.size(), 1U);
  EXPECT_DOUBLE_EQ(*up[0].effect, 25);
  EXPECT_DOUBLE_EQ(*up[0].paper, 10);
  EXPECT_EQ(up[0].verdict, Verdict::supported);
  EXPECT_EQ(up[0].subject, "A > B");
  EXPECT_FALSE(up[0].samples_to_decide.has_value());
  const auto down =
      judge_claims(table({claim(ClaimKind::greater, {"B", "A"})}), cells(300, 200, 0));
  EXPECT_EQ(down[0].verdict, Verdict::contradicted);
  EXPECT_LT(down[0].ci95.high, 0);
}

// A and B over a floor with this share right, in both columns.
std::vector<Finding> judged_over_floor(const ClaimSpec& one, int a, int b, int floor) {
  TableSpec spec = table({one});
  spec.rows[2].floor = true;
  return judge_claims(spec, cells(a, b, floor));
}

TEST(ClaimReport, AClaimAboutRowsThatDoNotLeadTheFloorIsBelowIt) {
  const ClaimSpec greater = claim(ClaimKind::greater, {"A", "B"});
  EXPECT_EQ(judged_over_floor(greater, 300, 200, 100)[0].verdict, Verdict::supported);
  const auto below = judged_over_floor(greater, 300, 200, 199)[0];  // one sample is no lead
  EXPECT_EQ(below.verdict, Verdict::below_the_floor);
  EXPECT_EQ(below.reason, "B does not lead C on few");
  EXPECT_DOUBLE_EQ(*below.effect, 25) << "the gap itself is shown";
  const auto reversed = claim(ClaimKind::greater, {"B", "A"});
  EXPECT_EQ(judged_over_floor(reversed, 300, 200, 350)[0].verdict, Verdict::below_the_floor);
  const auto match = claim(ClaimKind::equivalent, {"A", "B"}, 3);
  EXPECT_EQ(judged_over_floor(match, 300, 300, 100)[0].verdict, Verdict::supported);
  EXPECT_EQ(judged_over_floor(match, 300, 300, 300)[0].verdict, Verdict::below_the_floor);
  // What is not decided stays so, and controls are about the floor themselves.
  EXPECT_EQ(judged_over_floor(greater, 200, 200, 350)[0].verdict, Verdict::undecided);
  ClaimSpec control = claim(ClaimKind::greater, {"A", "C"});
  control.control = true;
  EXPECT_EQ(judged_over_floor(control, 100, 0, 300)[0].verdict, Verdict::contradicted);
}

TEST(ClaimReport, AClaimAboutTheColumnsOfARowIsNotHeldAgainstFloors) {
  ClaimSpec heads = claim(ClaimKind::greater, {"many", "few"});
  heads.between_columns = true;
  heads.places = {"A"};
  TableSpec spec = table({heads});
  spec.rows[2].floor = true;
  auto inputs = cells(200, 0, 350);
  inputs[0][1] = cell(0, 300);
  EXPECT_EQ(judge_claims(spec, inputs)[0].verdict, Verdict::supported);
}

TEST(ClaimReport, AFloorWithoutAValueIsPassedOver) {
  TableSpec spec = table({claim(ClaimKind::greater, {"A", "B"})});
  spec.rows[2].floor = true;
  auto inputs = cells(300, 200, 0);
  inputs[2][0] = {{}, "no such encoder"};
  EXPECT_EQ(judge_claims(spec, inputs)[0].verdict, Verdict::supported);
}

TEST(ClaimReport, AnOrderWithAStepBelowTheFloorIsBelowIt) {
  TableSpec spec = table({claim(ClaimKind::order, {"A", "B", "D"})});
  spec.rows[2].floor = true;
  spec.rows.push_back({.name = "D"});
  auto inputs = cells(300, 200, 100);
  inputs.push_back({cell(0, 50), cell(0, 50)});
  const auto found = judge_claims(spec, inputs);
  ASSERT_TRUE(found[0].whole);
  EXPECT_EQ(found[0].verdict, Verdict::below_the_floor);
  EXPECT_EQ(found[1].verdict, Verdict::supported);
  EXPECT_EQ(found[2].reason, "D does not lead C on few");
}

TEST(ClaimReport, UndecidedClaimsSayWhatWouldDecideThem) {
  // A has 20 samples right that B has not, B has 14 that A has not.
  auto inputs = cells(0, 0, 0);
  inputs[0][0] = cell(0, 120);
  inputs[1][0] = cell(20, 134);
  const auto found = judge_claims(table({claim(ClaimKind::greater, {"A", "B"})}), inputs);
  EXPECT_EQ(found[0].verdict, Verdict::undecided);
  EXPECT_GT(*found[0].samples_to_decide, kSamples);
  const auto none = judge_claims(table({claim(ClaimKind::greater, {"A", "B"})}), cells(7, 7, 7));
  EXPECT_EQ(none[0].verdict, Verdict::undecided);
  EXPECT_FALSE(none[0].samples_to_decide.has_value());
}

TEST(ClaimReport, EquivalenceNeedsTheIntervalInsideTheMargin) {
  const auto judged = [](double margin) {
    auto inputs = cells(0, 0, 0);
    inputs[0][0] = cell(0, 120);
    inputs[1][0] = cell(8, 120);  // 2 points behind
    return judge_claims(table({claim(ClaimKind::equivalent, {"A", "B"}, margin)}), inputs)[0];
  };
  EXPECT_EQ(judged(5).verdict, Verdict::supported);
  EXPECT_LT(judged(5).ci90.high, 5);
  EXPECT_EQ(judged(2.5).verdict, Verdict::undecided);
  EXPECT_GT(*judged(2.5).samples_to_decide, kSamples);
  EXPECT_EQ(judged(0.2).verdict, Verdict::contradicted);
}

TEST(ClaimReport, NotWorseNeedsTheLowerEndAboveTheMargin) {
  const auto judged = [](int end_of_a, double margin) {
    auto inputs = cells(0, 0, 0);
    inputs[0][0] = cell(8, end_of_a);
    inputs[1][0] = cell(0, 120);
    return judge_claims(table({claim(ClaimKind::not_worse, {"A", "B"}, margin)}), inputs)[0];
  };
  EXPECT_EQ(judged(120, 5).verdict, Verdict::supported) << "2 points behind";
  EXPECT_EQ(judged(120, 5).subject, "A ≥ B");
  EXPECT_GT(judged(120, 5).ci90.low, -5);
  EXPECT_EQ(judged(120, 2.5).verdict, Verdict::undecided);
  EXPECT_GT(*judged(120, 2.5).samples_to_decide, kSamples);
  EXPECT_EQ(judged(120, 0.2).verdict, Verdict::contradicted);
  EXPECT_EQ(judged(200, 0.2).verdict, Verdict::supported) << "a lead of any size is not worse";
}

// One pretraining that is worse by more than the margin leaves it open.
TEST(ClaimReport, NotWorseMustHoldForEveryPretraining) {
  Finding finding{.kind = ClaimKind::not_worse, .margin = 3};
  finding.favourable = true;
  finding.repeated = {1, -2, 0};
  EXPECT_TRUE(finding.pretrainings_agree());
  finding.repeated = {1, -3.5, 5};
  EXPECT_FALSE(finding.pretrainings_agree());
}

TEST(ClaimReport, AnOrderHoldsWhenEveryStepDoes) {
  const TableSpec spec = table({claim(ClaimKind::order, {"A", "B", "C"})});
  const auto all = judge_claims(spec, cells(300, 200, 100));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_TRUE(all[0].whole && all[1].step && all[2].step);
  EXPECT_EQ(all[0].verdict, Verdict::supported);
  EXPECT_EQ(all[0].subject, "A > B > C");
  const auto level = judge_claims(spec, cells(300, 200, 199));
  EXPECT_EQ(level[0].verdict, Verdict::undecided);
  EXPECT_DOUBLE_EQ(*level[0].effect, 0.25);
  EXPECT_EQ(level[0].samples_to_decide, level[2].samples_to_decide);
  const auto reversed = judge_claims(spec, cells(300, 100, 200));
  EXPECT_EQ(reversed[0].verdict, Verdict::contradicted);
  EXPECT_DOUBLE_EQ(*reversed[0].effect, -25);
}

TEST(ClaimReport, AGapThatGrowsIsADifferenceOfDifferences) {
  ClaimSpec growing = claim(ClaimKind::difference_of_gaps, {"A", "B"});
  growing.narrower = {"many"};
  auto inputs = cells(300, 200, 0);  // 25 points apart in "few" ...
  inputs[1][1] = cell(0, 280);       // ... and 5 in "many"
  const auto found = judge_claims(table({growing}), inputs);
  EXPECT_DOUBLE_EQ(*found[0].effect, 20);
  EXPECT_DOUBLE_EQ(*found[0].paper, 8);
  EXPECT_EQ(found[0].place, "few over many");
  EXPECT_EQ(found[0].verdict, Verdict::supported);
}

TEST(ClaimReport, ColumnsAreComparedWithinARow) {
  ClaimSpec columns = claim(ClaimKind::greater, {"many", "few"});
  columns.between_columns = true;
  columns.places = {"A"};
  auto inputs = cells(100, 0, 0);
  inputs[0][1] = cell(0, 300);
  const auto found = judge_claims(table({columns}), inputs);
  EXPECT_DOUBLE_EQ(*found[0].effect, 50);
  EXPECT_DOUBLE_EQ(*found[0].paper, 10);
  EXPECT_EQ(found[0].verdict, Verdict::supported);
}

TEST(ClaimReport, ManyClaimsNeedStrongerEvidence) {
  // 14 against 3 discordant samples: p is about 0.01 alone.
  auto inputs = cells(0, 0, 0);
  inputs[0][0] = cell(0, 114);
  inputs[1][0] = cell(14, 117);
  const ClaimSpec one = claim(ClaimKind::greater, {"A", "B"});
  const auto alone = judge_claims(table({one}), inputs);
  EXPECT_EQ(alone[0].verdict, Verdict::supported);
  const auto among = judge_claims(table(std::vector<ClaimSpec>(8, one)), inputs);
  EXPECT_EQ(among[0].verdict, Verdict::undecided);
  EXPECT_DOUBLE_EQ(among[0].p, alone[0].p);
  EXPECT_NEAR(among[0].p_adjusted, 8 * alone[0].p, 1e-12);
}

TEST(ClaimReport, ControlsAreAFamilyOfTheirOwn) {
  auto inputs = cells(0, 0, 0);
  inputs[0][0] = cell(0, 114);
  inputs[1][0] = cell(14, 117);
  const ClaimSpec one = claim(ClaimKind::greater, {"A", "B"});
  std::vector<ClaimSpec> claims(8, one);
  for (std::size_t i = 1; i < claims.size(); ++i) claims[i].control = true;
  const auto found = judge_claims(table(claims), inputs);
  EXPECT_EQ(found[0].verdict, Verdict::supported);
  EXPECT_EQ(found[1].verdict, Verdict::undecided);
}

TEST(ClaimReport, WhatCannotBeComparedIsNotAvailable) {
  auto inputs = cells(300, 200, 100);
  inputs[1][0] = {.unavailable = "no such folder"};
  const auto gone = judge_claims(table({claim(ClaimKind::order, {"A", "B", "C"})}), inputs);
  EXPECT_EQ(gone[0].verdict, Verdict::not_available);
  EXPECT_EQ(gone[0].reason, "no such folder");
  inputs[1][0] = cell(0, 100);
  inputs[1][0].seeds[0].predictions[3].sample = "another";
  const auto other = judge_claims(table({claim(ClaimKind::greater, {"A", "B"})}), inputs);
  EXPECT_EQ(other[0].verdict, Verdict::not_available);
  EXPECT_NE(other[0].reason.find("different samples"), std::string::npos);
}

TEST(Cells, RepetitionsAreSeedsOrSplits) {
  TableCell found{{record_of(0, 10, 1), record_of(0, 12, 2)}, ""};
  EXPECT_EQ(repeated_over(found), SpreadOver::seeds);
  found.seeds[1].task.identity = "another training subset";
  EXPECT_EQ(repeated_over(found), SpreadOver::splits);
  found.seeds[1].task.identity = found.seeds[0].task.identity;
  for (int i = 0; i < 2; ++i)
    found.seeds[static_cast<std::size_t>(i)].training = {5, i == 0 ? "a" : "b"};
  EXPECT_EQ(repeated_over(found), SpreadOver::splits);
  EXPECT_EQ(encoders_in(found), 1U);
  EXPECT_EQ(why_missing({}), "no records");
}

// Repetitions with these shares right, each from an encoder of its own or all from one.
TableCell repetitions(const std::vector<int>& right, bool own_encoders) {
  TableCell input;
  for (std::size_t k = 0; k < right.size(); ++k) {
    input.seeds.push_back(record_of(0, right[k], k + 1));
    if (own_encoders) input.seeds.back().encoder.sha256 = "weights " + std::to_string(k);
  }
  return input;
}

TEST(ClaimReport, PretrainingsThatDisagreeLeaveAClaimUndecided) {
  const TableSpec spec = table({claim(ClaimKind::greater, {"A", "B"})});
  const auto judged = [&](const std::vector<int>& a, const std::vector<int>& b, bool own) {
    auto inputs = cells(0, 0, 0);
    inputs[0][0] = repetitions(a, own);
    inputs[1][0] = repetitions(b, own);
    return judge_claims(spec, inputs)[0];
  };
  const Finding one_way = judged({300, 290, 310}, {200, 240, 180}, true);
  EXPECT_EQ(one_way.verdict, Verdict::supported);
  EXPECT_EQ(one_way.repeated, (std::vector<double>{25, 12.5, 32.5}));
  EXPECT_TRUE(one_way.over_pretrainings && one_way.pretrainings_agree());
  const Finding apart = judged({300, 290, 200}, {200, 240, 220}, true);
  EXPECT_LT(apart.p_adjusted, kLevel);
  EXPECT_EQ(apart.verdict, Verdict::undecided);
  EXPECT_GT(*apart.pretrainings_to_decide, 3);
  // Seeds of the probe alone are in the mean, and no more is asked of them.
  EXPECT_EQ(judged({300, 290, 200}, {200, 240, 220}, false).verdict, Verdict::supported);
}

TEST(ClaimReport, AMatchMustHoldForEveryPretraining) {
  const TableSpec spec = table({claim(ClaimKind::equivalent, {"A", "B"}, 6)});
  auto inputs = cells(0, 0, 0);
  inputs[0][0] = repetitions({200, 210, 190}, true);
  inputs[1][0] = repetitions({202, 205, 195}, true);
  EXPECT_EQ(judge_claims(spec, inputs)[0].verdict, Verdict::supported);
  inputs[1][0] = repetitions({175, 205, 220}, true);  // 6.25 points in one, none in the mean
  EXPECT_EQ(judge_claims(spec, inputs)[0].verdict, Verdict::undecided);
}

}  // namespace claim_report_test
}  // namespace permafrost
