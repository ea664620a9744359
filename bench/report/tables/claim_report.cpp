// SPDX-License-Identifier: Apache-2.0
#include "bench/report/tables/claim_report.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "bench/statistics/statistics_paired.h"
#include "common/error.h"

namespace permafrost {
namespace {

std::size_t place_of(const auto& things, const std::string& name) {
  for (std::size_t i = 0; i < things.size(); ++i)
    if (things[i].name == name) return i;
  throw Error("table: no " + quoted(name));
}

// The cells whose sum, signs in mind, is the effect of a claim.
struct Contrast {
  struct Part {
    std::size_t row = 0, column = 0;
    double sign = 1;
  };
  std::vector<Part> parts;
};

Contrast contrast_of(const TableSpec& table, const ClaimSpec& claim, const std::string& better,
                     const std::string& worse, std::size_t k) {
  const auto part = [&](const std::string& name, const std::string& place, double sign) {
    const std::string& row = claim.between_columns ? place : name;
    const std::string& column = claim.between_columns ? name : place;
    return Contrast::Part{place_of(table.rows, row), place_of(table.columns, column), sign};
  };
  Contrast contrast{{part(better, claim.places[k], 1), part(worse, claim.places[k], -1)}};
  if (claim.kind == ClaimKind::difference_of_gaps) {
    contrast.parts.push_back(part(better, claim.narrower[k], -1));
    contrast.parts.push_back(part(worse, claim.narrower[k], 1));
  }
  return contrast;
}

std::optional<double> paper_effect(const TableSpec& table, const Contrast& contrast) {
  double sum = 0;
  for (const auto& part : contrast.parts) {
    const auto& published = table.rows[part.row].paper;
    const auto it = published.find(table.columns[part.column].name);
    if (it == published.end()) return std::nullopt;
    sum += part.sign * it->second;
  }
  return sum;
}

// Effects of the single repetitions, and whether these are pretrainings.
void measure_repetitions(Finding& finding, const Contrast& contrast,
                         const std::vector<std::vector<TableCell>>& inputs) {
  std::vector<double> effects;
  for (const auto& part : contrast.parts) {
    const TableCell& cell = inputs[part.row][part.column];
    if (effects.empty()) effects.assign(cell.seeds.size(), 0);
    if (effects.size() != cell.seeds.size()) return;
    for (std::size_t k = 0; k < effects.size(); ++k) effects[k] += part.sign * cell.seeds[k].value;
    finding.over_pretrainings = finding.over_pretrainings || encoders_in(cell) > 1;
  }
  finding.repeated = std::move(effects);
}

// Fills effect, intervals and p from the cells; `variance` is that a sample.
void measure(Finding& finding, const Contrast& contrast,
             const std::vector<std::vector<TableCell>>& inputs, double& variance) {
  const auto cell = [&](const Contrast::Part& part) -> const TableCell& {
    return inputs[part.row][part.column];
  };
  for (const auto& part : contrast.parts)
    if (finding.reason.empty()) finding.reason = why_missing(cell(part));
  if (!finding.reason.empty()) return;
  const Record& first = cell(contrast.parts[0]).seeds[0];
  std::vector<double> effects(first.predictions.size(), 0);
  for (const auto& part : contrast.parts) {
    if (!same_samples(first, cell(part).seeds[0])) {
      finding.reason = "the cells were measured on different samples";
      return;
    }
    const auto scores = mean_sample_values(cell(part));
    for (std::size_t i = 0; i < effects.size(); ++i) effects[i] += part.sign * scores[i];
  }
  measure_repetitions(finding, contrast, inputs);
  const auto groups = groups_of(first);
  const Resamples means = resample_means(effects, groups, kPairedResamples);
  const double widest =
      gap_range(*first.measure).high * static_cast<double>(contrast.parts.size()) / 2;
  finding.effect = mean_of(effects);
  finding.ci95 = interval_of(means, 0.95, {-widest, widest});
  finding.ci90 = interval_of(means, 0.90, {-widest, widest});
  variance = variance_a_sample(effects, groups).value_or(0);
  if (!has_margin(finding.kind)) {
    finding.p = p_of_no_gap(means);
    finding.favourable = *finding.effect > 0;
    return;
  }
  const bool match = finding.kind == ClaimKind::equivalent;
  const double margin = finding.margin;
  // p where the claim is false, and where it is true.
  const double if_false = match ? p_of_difference(means, margin) : p_of_worse(means, margin);
  const double if_true = match ? p_of_equivalence(means, margin) : p_of_not_worse(means, margin);
  finding.favourable = if_false <= if_true;
  finding.p = std::min(if_false, if_true);
}

// Samples, or pretrainings, that would decide; `variance` of one of them.
std::optional<std::int64_t> count_to_decide(const Finding& finding, double variance, int tests) {
  const double gap = *finding.effect;
  if (finding.kind == ClaimKind::equivalent)
    return count_to_find_match(gap, finding.margin, variance, tests);
  if (finding.kind == ClaimKind::not_worse)
    return count_to_find_not_worse(gap, finding.margin, variance, tests);
  return count_to_find_gap(gap, variance, tests);
}

Verdict verdict_of(const Finding& finding) {
  if (!finding.effect) return Verdict::not_available;
  if (finding.p_adjusted >= kLevel) return Verdict::undecided;
  if (finding.over_pretrainings && !finding.pretrainings_agree()) return Verdict::undecided;
  return finding.favourable ? Verdict::supported : Verdict::contradicted;
}

// "Pixels does not lead raw pixels (floor) on motion" for the first floor of the table that the row
// does not lead in that column; empty where it leads all. A floor without a value is passed over.
std::string floor_not_led(const TableSpec& table, const std::vector<std::vector<TableCell>>& inputs,
                          std::size_t row, std::size_t column) {
  for (std::size_t floor = 0; floor < table.rows.size(); ++floor) {
    if (!table.rows[floor].floor || !inputs[floor][column].unavailable.empty()) continue;
    Finding lead;
    double variance = 0;
    measure(lead, {{{row, column, 1}, {floor, column, -1}}}, inputs, variance);
    if (lead.effect && lead.ci95.low > 0) continue;
    return table.rows[row].name + " does not lead " + table.rows[floor].name + " on " +
           table.columns[column].name;
  }
  return "";
}

// Of one family: its size, adjusted p-values, verdicts.
void decide(std::vector<Finding>& findings, const std::vector<double>& variances, bool control) {
  std::vector<std::size_t> family;
  std::vector<double> p_values;
  for (std::size_t i = 0; i < findings.size(); ++i) {
    if (findings[i].whole || findings[i].control != control || !findings[i].effect) continue;
    family.push_back(i);
    p_values.push_back(findings[i].p);
  }
  const auto adjusted = holm_adjusted(p_values);
  for (std::size_t k = 0; k < family.size(); ++k) {
    Finding& finding = findings[family[k]];
    finding.p_adjusted = adjusted[k];
    finding.verdict = verdict_of(finding);
    if (finding.verdict != Verdict::undecided) continue;
    const double variance = variances[family[k]];
    const int tests = static_cast<int>(family.size());
    finding.samples_to_decide = count_to_decide(finding, variance, tests);
    if (!finding.over_pretrainings || finding.repeated.size() < 2) continue;
    const double spread = deviation_of(finding.repeated);
    finding.pretrainings_to_decide = count_to_decide(finding, spread * spread, tests);
  }
}

// From the steps: contradicted where one is, else below the floor where one is, supported where all
// are, else undecided. The line shows the smallest of the steps that make it so.
void conclude(Finding& whole, const std::vector<const Finding*>& steps) {
  for (const auto* step : steps)
    if (step->verdict == Verdict::not_available && whole.reason.empty())
      whole.reason = step->reason;
  if (!whole.reason.empty()) return;
  whole.verdict = Verdict::supported;
  for (const auto verdict : {Verdict::undecided, Verdict::below_the_floor, Verdict::contradicted})
    if (std::any_of(steps.begin(), steps.end(),
                    [&](const Finding* step) { return step->verdict == verdict; }))
      whole.verdict = verdict;
  for (const auto* step : steps) {
    if (step->verdict != whole.verdict) continue;
    if (!whole.effect || *step->effect < *whole.effect) {
      whole.effect = step->effect;
      whole.paper = step->paper;
      whole.ci95 = step->ci95;
      whole.ci90 = step->ci90;
      whole.p = step->p;
      whole.p_adjusted = step->p_adjusted;
      whole.favourable = step->favourable;
      whole.repeated = step->repeated;
      whole.reason = step->reason;
    }
    if (step->samples_to_decide)  // all of them have to be decided
      whole.samples_to_decide =
          std::max(whole.samples_to_decide.value_or(0), *step->samples_to_decide);
    whole.over_pretrainings = whole.over_pretrainings || step->over_pretrainings;
    if (step->pretrainings_to_decide)
      whole.pretrainings_to_decide =
          std::max(whole.pretrainings_to_decide.value_or(0), *step->pretrainings_to_decide);
  }
}

class Judge {
 public:
  Judge(const TableSpec& table, const std::vector<std::vector<TableCell>>& inputs)
      : table_(table), inputs_(inputs) {}

  std::vector<Finding> judge() {
    for (const auto& claim : table_.claims)
      for (const auto& chain : claim.chains) add_chain(claim, chain);
    for (const bool control : {false, true}) decide(findings_, variances_, control);
    for (std::size_t i = 0; i < findings_.size(); ++i) hold_against_floors(i);
    for (std::size_t i = 0; i < findings_.size(); ++i)
      if (findings_[i].whole) conclude(findings_[i], steps_of(i));
    return std::move(findings_);
  }

 private:
  Finding& add(const ClaimSpec& claim, const std::vector<std::string>& chain, std::size_t k) {
    Finding finding{.id = claim.id, .text = claim.text, .subject = subject_of(claim, chain)};
    finding.place = claim.places[k];
    if (!claim.narrower.empty()) finding.place += " over " + claim.narrower[k];
    finding.kind = claim.kind;
    finding.control = claim.control;
    finding.margin = claim.margin;
    findings_.push_back(std::move(finding));
    variances_.push_back(0);
    contrasts_.emplace_back();
    return findings_.back();
  }

  void add_chain(const ClaimSpec& claim, const std::vector<std::string>& chain) {
    const bool order = claim.kind == ClaimKind::order;
    for (std::size_t k = 0; order && k < claim.places.size(); ++k)
      add(claim, chain, k).whole = true;
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
      for (std::size_t k = 0; k < claim.places.size(); ++k) {
        Finding& finding = add(claim, {chain[i], chain[i + 1]}, k);
        finding.step = order;
        const Contrast contrast = contrast_of(table_, claim, chain[i], chain[i + 1], k);
        if (!claim.between_columns) contrasts_.back() = contrast;
        finding.paper = paper_effect(table_, contrast);
        measure(finding, contrast, inputs_, variances_.back());
      }
    }
  }

  void hold_against_floors(std::size_t i) {
    Finding& finding = findings_[i];
    const bool decided =
        finding.verdict == Verdict::supported || finding.verdict == Verdict::contradicted;
    if (finding.control || finding.whole || !decided) return;
    for (const auto& part : contrasts_[i].parts) {
      if (table_.rows[part.row].floor) continue;
      const std::string& not_led = floor_not_led_by(part.row, part.column);
      if (not_led.empty()) continue;
      finding.reason = not_led;
      finding.verdict = Verdict::below_the_floor;
      return;
    }
  }

  // Many claims ask about the same cell, and every answer draws thousands of resamples.
  const std::string& floor_not_led_by(std::size_t row, std::size_t column) {
    const auto [it, added] = floors_not_led_.try_emplace({row, column});
    if (added) it->second = floor_not_led(table_, inputs_, row, column);
    return it->second;
  }

  std::vector<const Finding*> steps_of(std::size_t whole) const {
    std::vector<const Finding*> steps;
    for (const auto& finding : findings_)
      if (finding.step && finding.id == findings_[whole].id &&
          finding.place == findings_[whole].place)
        steps.push_back(&finding);
    return steps;
  }

  const TableSpec& table_;
  const std::vector<std::vector<TableCell>>& inputs_;
  std::vector<Finding> findings_;
  std::vector<double> variances_;
  std::map<std::pair<std::size_t, std::size_t>, std::string> floors_not_led_;  // by row and column
  std::vector<Contrast> contrasts_;  // none for a claim about the columns of one row
};

}  // namespace

bool Finding::holds_for(double gap) const {
  if (kind == ClaimKind::equivalent) return std::abs(gap) < margin;
  return gap > (kind == ClaimKind::not_worse ? -margin : 0);
}

bool Finding::pretrainings_agree() const {
  const bool expected = has_margin(kind) ? favourable : holds_for(effect.value_or(0));
  return std::all_of(repeated.begin(), repeated.end(),
                     [&](double one) { return holds_for(one) == expected; });
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::supported:
      return "supported";
    case Verdict::contradicted:
      return "contradicted";
    case Verdict::below_the_floor:
      return "below the floor";
    case Verdict::undecided:
      return "undecided";
    default:
      return "not available";
  }
}

std::vector<Finding> judge_claims(const TableSpec& table,
                                  const std::vector<std::vector<TableCell>>& inputs) {
  return Judge(table, inputs).judge();
}

}  // namespace permafrost
