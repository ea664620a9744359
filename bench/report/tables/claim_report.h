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
#include <optional>
#include <string>
#include <vector>

#include "bench/records/cell_records.h"
#include "bench/statistics/statistics.h"
#include "bench/suites/table_spec.h"

namespace permafrost {

enum class Verdict { supported, contradicted, undecided, not_available };
const char* name_of(Verdict verdict);  // "not available" with a space

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
  Verdict verdict = Verdict::not_available;
  std::string reason;  // where not available
};

inline constexpr double kLevel = 0.05;

// `inputs` [rows][columns], as the specification orders them. Wholes before their steps, claims in
// the specification's order.
std::vector<Finding> judge_claims(const TableSpec& table,
                                  const std::vector<std::vector<TableCell>>& inputs);

}  // namespace permafrost
