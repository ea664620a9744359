// SPDX-License-Identifier: Apache-2.0
// All verdicts in one overview.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "bench/report/page/sections.h"
#include "bench/suites/claim_spec.h"
#include "bench/text/html.h"
#include "common/error.h"

namespace permafrost {
namespace {

const char* sign_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::supported:
      return "✓";
    case Verdict::contradicted:
      return "✗";
    case Verdict::below_the_floor:
      return "⊥";
    case Verdict::undecided:
      return "?";
    default:
      return "–";
  }
}

// What the paper says, by claim, where this program's claims still have it.
std::map<std::string, std::string> sentences_of(int table) {
  std::map<std::string, std::string> sentences;
  try {
    for (const auto& claim : read_table(table).claims)
      if (!claim.says.empty()) sentences[claim.id] = claim.says + " (" + claim.where + ")";
  } catch (const InputError&) {
  }
  return sentences;
}

std::string chip(const TableModel& table, std::size_t number, std::size_t finding) {
  const Finding& f = table.findings[finding];
  return html_element("li", html_link("#" + finding_anchor(number, finding),
                                      html_text(f.place) + " " + verdict_badge(f.verdict)));
}

// A claim with a line a subject; the steps of an order stay in its table.
std::string claim_item(const TableModel& table, std::size_t number, const std::string& id,
                       const std::string& sentence) {
  std::string text, lines;
  for (std::size_t k = 0; k < table.findings.size();) {
    const Finding& first = table.findings[k];
    std::string chips;
    std::size_t end = k;
    for (; end < table.findings.size() && table.findings[end].id == first.id &&
           table.findings[end].subject == first.subject && table.findings[end].step == first.step;
         ++end)
      chips += chip(table, number, end);
    k = end;
    if (first.id != id || first.step) continue;
    text = first.text;
    lines += html_element("p", {{"class", "below"}}, html_text(first.subject)) +
             html_element("ul", {{"class", "chips"}}, chips) + "\n";
  }
  std::string claim = html_element("h4", html_text(text)) +
                      html_link("#" + table_anchor(number), html_text(short_name(table.spec)));
  if (!sentence.empty()) claim += html_element("p", {{"class", "below"}}, html_text(sentence));
  return html_element("li", html_element("div", claim) + html_element("div", "\n" + lines)) + "\n";
}

std::string overview(const ResultsFolder& folder, bool control) {
  std::string items;
  for (std::size_t t = 0; t < folder.tables.size(); ++t) {
    const TableModel& table = folder.tables[t];
    const auto sentences = sentences_of(table.spec.number);
    std::set<std::string> seen;
    for (const auto& finding : table.findings) {
      if (finding.control != control || !seen.insert(finding.id).second) continue;
      const auto sentence = sentences.find(finding.id);
      items +=
          claim_item(table, t, finding.id, sentence == sentences.end() ? "" : sentence->second);
    }
  }
  return items.empty() ? "" : html_element("ul", {{"class", "claims"}}, "\n" + items);
}

std::string tally_of(const ResultsFolder& folder) {
  std::map<Verdict, int> counts;
  for (const auto& table : folder.tables)
    for (const auto& finding : table.findings)
      if (!finding.control && !finding.step) ++counts[finding.verdict];
  std::string items;
  for (const Verdict verdict : kVerdicts)
    if (counts[verdict] > 0 || verdict != Verdict::not_available)
      items += html_element(
          "li", html_element("b", std::to_string(counts[verdict])) + " " + verdict_badge(verdict));
  return html_element("ul", {{"class", "tally"}}, items) + "\n";
}

}  // namespace

std::string verdict_badge(Verdict verdict) {
  std::string name = name_of(verdict), css = name;
  std::replace(css.begin(), css.end(), ' ', '-');
  return html_element(
      "span", {{"class", "verdict " + css}},
      html_element("span", {{"aria-hidden", "true"}}, sign_of(verdict)) + " " + name);
}

std::string verdicts_section(const ResultsFolder& folder) {
  const std::string claims = overview(folder, false), controls = overview(folder, true);
  std::string content = html_element("h2", "Verdicts on the paper's claims") + "\n";
  if (claims.empty())
    content += html_element("p", "No claim was judged in this folder.");
  else
    content += tally_of(folder) +
               html_element(
                   "p", {{"class", "quiet"}},
                   "Supported or contradicted: the paired test on the same samples speaks with an "
                   "adjusted p below 0.05. Undecided: it does not, which is no evidence for "
                   "equality. All of it is about these encoders and this suite. Each verdict "
                   "leads to its gap, interval and p-value.") +
               claims;
  if (!controls.empty())
    content +=
        html_element("h3", "Controls") +
        html_element("p", {{"class", "quiet"}},
                     "Ours, not the paper's: what must hold before a claim means anything.") +
        controls;
  return html_element("section", {{"id", "verdicts"}}, "\n" + content) + "\n";
}

}  // namespace permafrost
