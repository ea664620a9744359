// SPDX-License-Identifier: Apache-2.0
#include "bench/report/tables/claim_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "bench/text/latex.h"
#include "bench/text/markdown.h"
#include "common/files/csv.h"
#include "common/nearest_name.h"

namespace permafrost {

std::string p_text(double p) { return p < 0.001 ? "<0.001" : fixed(p, 3); }

std::string margin_text(const Finding& finding) {
  if (!has_margin(finding.kind)) return "";
  return (finding.kind == ClaimKind::equivalent ? " (±" : " (margin ") + fixed(finding.margin) +
         ")";
}

std::string about(std::int64_t count) {
  const auto value = static_cast<double>(count);
  const double unit = std::pow(10, std::max(0.0, std::floor(std::log10(value)) - 1));
  return std::to_string(static_cast<std::int64_t>(std::ceil(value / unit) * unit));
}

namespace {

std::string to_decide(const Finding& finding) {
  if (finding.verdict != Verdict::undecided) return "";
  const std::string samples = finding.samples_to_decide ? about(*finding.samples_to_decide) : "–";
  if (!finding.over_pretrainings) return samples;
  return samples + " / " +
         (finding.pretrainings_to_decide ? about(*finding.pretrainings_to_decide) : "–");
}

// "+5.1 +3.0 +6.2": the gap in each repetition.
std::string repeated_text(const Finding& finding) {
  std::string text;
  for (const double one : finding.repeated) text += (text.empty() ? "" : " ") + fixed(one, 1, true);
  return finding.over_pretrainings && !finding.whole ? text : "";
}

std::string title_of(const Finding& finding, const std::set<std::string>& subjects) {
  if (finding.step) return "step: " + finding.subject;
  std::string title = finding.text;
  if (subjects.size() > 1) title += ": " + finding.subject;
  return title + margin_text(finding);
}

bool any_over_pretrainings(const TableModel& table) {
  return std::any_of(table.findings.begin(), table.findings.end(),
                     [](const Finding& f) { return f.over_pretrainings; });
}

TextRows claim_rows(const TableModel& table) {
  std::map<std::string, std::set<std::string>> subjects;  // by claim
  for (const auto& finding : table.findings)
    if (!finding.step) subjects[finding.id].insert(finding.subject);
  // With several encoders a row, what each pair of them says.
  const bool pretrainings = any_over_pretrainings(table);
  TextRows rows{{"claim", "column", "gap, ours", "95 % interval", "p (Holm)", "paper", "verdict",
                 "n to decide"}};
  if (pretrainings) rows[0].insert(rows[0].begin() + 4, "by pretraining");
  std::string before;
  for (const auto& f : table.findings) {
    const std::string title = title_of(f, subjects[f.id]);
    rows.push_back(
        {title == before ? "" : title, f.place, f.effect ? fixed(*f.effect, 1, true) : "",
         f.effect ? interval_text(f.ci95, true) : "", f.effect ? p_text(f.p_adjusted) : "",
         f.paper ? fixed(*f.paper, 1, true) : "–", name_of(f.verdict), to_decide(f)});
    if (pretrainings) rows.back().insert(rows.back().begin() + 4, repeated_text(f));
    before = title;
  }
  return rows;
}

TextRows rank_rows(const TableModel& table) {
  TextRows rows{{"ranks, ours and the paper's", "rows", "Spearman ρ", "p", "Kendall τ-b", "p"}};
  for (const auto& rank : table.ranks)
    rows.push_back({rank.column, std::to_string(rank.rows.size()),
                    fixed(rank.spearman.value, 2, true), p_text(rank.spearman.p),
                    fixed(rank.kendall.value, 2, true), p_text(rank.kendall.p)});
  return rows;
}

bool any_of(const TableModel& table, const auto& test) {
  return std::any_of(table.findings.begin(), table.findings.end(), test);
}

// "12 claims and, apart from them, 8 controls"
std::string families_text(const TableModel& table) {
  const auto count = [&](bool control) {
    return std::count_if(table.findings.begin(), table.findings.end(), [&](const Finding& f) {
      return !f.whole && f.effect && f.control == control;
    });
  };
  const auto counted = [](std::ptrdiff_t n, const std::string& noun) {
    return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
  };
  const std::string tests = counted(count(false), "test") + " of this table",
                    controls = counted(count(true), "control");
  if (count(true) == 0) return tests;
  if (count(false) == 0) return controls + " of this table";
  return tests + " and, apart from them, its " + controls;
}

std::string latex_table(const TextRows& rows, const std::string& caption,
                        const std::string& columns) {
  std::string text = "\\begin{table}\n\\centering\n\\caption{" + caption + "}\n\\begin{tabular}{" +
                     columns + "}\n\\toprule\n";
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      text += (c > 0 ? " & " : "") + latex_cell(rows[r][c]);
    text += r == 0 ? " \\\\\n\\midrule\n" : " \\\\\n";
  }
  return text + "\\bottomrule\n\\end{tabular}\n\\end{table}\n";
}

}  // namespace

std::string claims_markdown(const TableModel& table) {
  if (table.findings.empty()) return "";
  std::vector<bool> right{false, false, true, true, true, true, false, true};
  if (any_over_pretrainings(table)) right.insert(right.begin() + 4, true);
  return "\n" + markdown_table(claim_rows(table), right);
}

std::string ranks_markdown(const TableModel& table) {
  if (table.ranks.empty()) return "";
  return "\n" + markdown_table(rank_rows(table), {false, true, true, true, true, true});
}

std::vector<std::string> claim_notes(const TableModel& table) {
  std::vector<std::string> notes;
  if (!table.findings.empty())
    notes.emplace_back(
        "Gaps are points on the same samples, their interval a paired bootstrap over these. p is "
        "that of \"no gap\", two-sided, adjusted after Holm among the " +
        families_text(table) +
        "; the verdict uses it: below 0.05 a claim is supported or, where the gap points the other "
        "way, contradicted.");
  if (any_of(table, [](const Finding& f) { return f.kind == ClaimKind::equivalent; }))
    notes.emplace_back(
        "\"Match\" (±): p is that of two one-sided tests against the margin, or of a gap within it "
        "where the data speak for a gap beyond.");
  if (any_of(table, [](const Finding& f) { return f.kind == ClaimKind::not_worse; }))
    notes.emplace_back(
        "\"Not worse\" (margin): p is that of a gap of minus the margin or less, one-sided, or of "
        "one "
        "above it where the data speak for more.");
  if (any_of(table, [](const Finding& f) { return f.whole; }))
    notes.emplace_back(
        "An order is supported where every step is and contradicted where one is reversed; its "
        "line shows the smallest step of those that make it so.");
  if (any_of(table, [](const Finding& f) { return f.kind == ClaimKind::difference_of_gaps; }))
    notes.emplace_back("\"a over b\": the gap in a less the gap in b, sample by sample.");
  if (any_of(table, [](const Finding& f) { return f.verdict == Verdict::below_the_floor; }))
    notes.emplace_back(
        "Below the floor: the gap would decide the claim, but one of its rows does not lead every "
        "floor in this column (the 95 % interval of that lead reaches zero).");
  if (any_of(table, [](const Finding& f) { return f.verdict == Verdict::undecided; }))
    notes.emplace_back(
        "n to decide: test samples with which an undecided claim would be decided with a power of "
        "80 %, if gap and variance stay as observed; – where no number would.");
  if (any_over_pretrainings(table))
    notes.emplace_back(
        "By pretraining: the gap between the encoders of one seed, seed by seed. Where they do not "
        "all point one way, a claim is undecided whatever p is. n to decide then names, after the "
        "stroke, the pretraining seeds that would decide it by their spread.");
  if (!table.findings.empty() && table.one_encoder_a_row)
    notes.emplace_back(
        "Every row is one encoder: verdicts are about these weights, and nothing is known over "
        "pretraining seeds.");
  if (!table.ranks.empty())
    notes.emplace_back(
        "Ranks: whether our column orders the rows as the paper's does; p is two-sided over all "
        "pairings of the rows (with 4 rows it cannot be below 0.08).");
  return notes;
}

std::string claims_to_csv(const TableModel& table) {
  std::string text =
      "table,suite,claim,kind,control,part,subject,column,gap,ci95_over_samples_low,"
      "ci95_over_samples_high,p,p_holm,paper_gap,verdict,samples_to_decide,gaps_by_pretraining,"
      "pretrainings_to_decide,not_available\n";
  for (const auto& f : table.findings) {
    const auto number = [&](double value, int digits) {
      return f.effect ? fixed(value, digits) : std::string();
    };
    const std::vector<std::string> fields{
        std::to_string(table.spec.number),
        csv_field(table.context.suite),
        csv_field(f.id),
        name_of(f.kind),
        f.control ? "yes" : "no",
        f.whole  ? "whole"
        : f.step ? "step"
                 : "",
        csv_field(f.subject),
        csv_field(f.place),
        number(f.effect.value_or(0), 4),
        number(f.ci95.low, 4),
        number(f.ci95.high, 4),
        number(f.p, 6),
        number(f.p_adjusted, 6),
        f.paper ? fixed(*f.paper, 1) : "",
        name_of(f.verdict),
        f.samples_to_decide ? std::to_string(*f.samples_to_decide) : "",
        repeated_text(f),
        f.pretrainings_to_decide ? std::to_string(*f.pretrainings_to_decide) : "",
        f.verdict == Verdict::not_available ? csv_field(f.reason) : ""};
    for (std::size_t k = 0; k < fields.size(); ++k) text += (k > 0 ? "," : "") + fields[k];
    text += "\n";
  }
  return text;
}

std::string claims_latex(const TableModel& table) {
  std::string text;
  const std::string title = latex_escaped(table.spec.title);
  if (!table.findings.empty())
    text += latex_table(claim_rows(table),
                        "Claims: " + title +
                            ". Gaps in points with their 95\\,\\% interval over samples; $p$ "
                            "adjusted after Holm within the table.",
                        any_over_pretrainings(table) ? "llrrrrrlr" : "llrrrrlr");
  if (!table.ranks.empty())
    text += latex_table(rank_rows(table),
                        "Rank correlation of our columns with the published ones: " + title + ".",
                        "lrrrrr");
  return text;
}

}  // namespace permafrost
