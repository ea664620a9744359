// SPDX-License-Identifier: Apache-2.0
#pragma once

// Claims against cells: effect, interval, p-value, verdict.
//
// Every hypothesis is tested on the same samples by a paired bootstrap
// (bench/statistics/statistics_paired.h) of the scores' means over seeds. p-values are adjusted
// after Holm among the claims of the table, and among its controls; a verdict needs an adjusted p
// below 0.05. All of that is over samples: these encoders, other test clips. Where the repetitions
// are other pretrainings, a verdict needs more: every one of them must say the same by itself, else
// the claim is undecided.
//
// A claim about rows that add nothing to what they are fed says little. So where a table has floors
// (raw pixels, random weights), a claim that would be supported or contradicted is "below the
// floor" unless each of its rows leads each floor in that column: the 95 % interval of the paired
// gap lies above zero. Controls, which compare with a floor themselves, and claims about the
// columns of one row (heads, clips) are left as they are.
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "bench/records/cell_records.h"
#include "bench/statistics/statistics.h"
#include "bench/suites/table_spec.h"

namespace permafrost {

enum class Verdict { supported, contradicted, below_the_floor, undecided, not_available };
inline constexpr std::array kVerdicts{Verdict::supported, Verdict::contradicted,
                                      Verdict::below_the_floor, Verdict::undecided,
                                      Verdict::not_available};
const char* name_of(Verdict verdict);  // "below the floor", "not available": with spaces

// One line under the table: a claim in one place (a column, as a rule).
struct Finding {
  std::string id, text, subject;  // of the claim; subject: "Features > Pixels"
  std::string place;              // "motion", or "motion-5 over motion-50" for a difference of gaps
  ClaimKind kind = ClaimKind::greater;
  bool control = false;
  // An order as a whole, decided by its steps, which follow it; effect and p are those of the
  // smallest step that makes the verdict.
  bool whole = false;
  bool step = false;
  double margin = 0;
  std::optional<double> effect, paper;  // points
  Interval ci95, ci90;                  // over samples (or groups of them)
  double p = 1, p_adjusted = 1;
  bool favourable = false;  // the direction that p speaks for is the claim's
  // Samples with which an undecided claim would be decided; none where it is, or where none would.
  std::optional<std::int64_t> samples_to_decide;
  // The effect in each repetition (seed, split), in order; empty where the cells differ in theirs.
  std::vector<double> repeated;
  bool over_pretrainings = false;  // the repetitions have encoders of their own
  // Pretraining seeds that would decide an undecided claim, from the spread of `repeated`.
  std::optional<std::int64_t> pretrainings_to_decide;
  // Each repetition alone says what all of them together do.
  bool pretrainings_agree() const;
  // Whether a gap is what the claim says: within the margin, above minus it, or above 0.
  bool holds_for(double gap) const;
  Verdict verdict = Verdict::not_available;
  // Why it is not available, or which row does not lead which floor.
  std::string reason;
};

inline constexpr double kLevel = 0.05;

// `inputs` [rows][columns], as the specification orders them. Wholes before their steps, claims in
// the specification's order.
std::vector<Finding> judge_claims(const TableSpec& table,
                                  const std::vector<std::vector<TableCell>>& inputs);

}  // namespace permafrost
