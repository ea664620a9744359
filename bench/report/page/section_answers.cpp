// SPDX-License-Identifier: Apache-2.0
// The top of the page: a sentence a claim of the paper, and what a reader must know before it.
#include <algorithm>
#include <array>

#include "bench/report/page/sections.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

// A claim about one pair of rows: its findings, a column each.
struct Answer {
  std::size_t table = 0;
  std::vector<std::size_t> findings;
};

// The claims of the paper's own tables; of all tables where none of these was judged. Ablations of
// ours have numbers from 100 on.
std::vector<Answer> answers_of(const ResultsFolder& folder, bool ablations) {
  std::vector<Answer> answers;
  for (std::size_t t = 0; t < folder.tables.size(); ++t) {
    const TableModel& table = folder.tables[t];
    if (!ablations && table.spec.number >= 100) continue;
    for (std::size_t k = 0; k < table.findings.size(); ++k) {
      const Finding& finding = table.findings[k];
      if (finding.control || finding.step) continue;
      const auto same = std::find_if(answers.begin(), answers.end(), [&](const Answer& answer) {
        const Finding& first = table.findings[answer.findings[0]];
        return answer.table == t && first.id == finding.id && first.subject == finding.subject;
      });
      if (same != answers.end())
        same->findings.push_back(k);
      else
        answers.push_back({t, {k}});
    }
  }
  return answers;
}

std::string place_text(const TableModel& table, std::size_t number, std::size_t k) {
  const Finding& finding = table.findings[k];
  std::string text = html_link("#" + finding_anchor(number, k), html_text(finding.place));
  if (finding.effect && !finding.whole)
    text += html_text(" (" + fixed(*finding.effect, 1, true) + ")");
  return text;
}

// "supported on appearance (+3.1), object (+2.7); undecided on motion (+0.1)".
std::string verdicts_of(const TableModel& table, const Answer& answer) {
  std::string text;
  for (const Verdict verdict : kVerdicts) {
    std::string places;
    for (const std::size_t k : answer.findings)
      if (table.findings[k].verdict == verdict)
        places += (places.empty() ? "" : ", ") + place_text(table, answer.table, k);
    if (places.empty()) continue;
    text += (text.empty() ? "" : "; ") + verdict_badge(verdict) + " on " + places;
  }
  return text;
}

std::string answer_item(const TableModel& table, const Answer& answer) {
  const Finding& first = table.findings[answer.findings[0]];
  return html_element(
             "li",
             html_element("b", html_text(first.text)) + " (" +
                 html_link("#" + table_anchor(answer.table), html_text(short_name(table.spec))) +
                 ", " + html_text(first.subject) + "): " + verdicts_of(table, answer) + ".") +
         "\n";
}

std::string warning(const std::string& content) {
  return html_element("div", {{"class", "warning"}}, content) + "\n";
}

std::string warnings_of(const ResultsFolder& folder) {
  std::string content;
  if (std::any_of(folder.tables.begin(), folder.tables.end(),
                  [](const TableModel& table) { return table.context.quick; }))
    content += warning(html_element(
        "p", "A quick run: fewer samples, clips and epochs. A first look and not a result."));
  if (folder.problems.empty()) return content;
  std::string items;
  for (const auto& problem : folder.problems) items += html_element("li", html_text(problem));
  return content +
         warning(html_element("p", "What this folder lacks:") + html_element("ul", items));
}

}  // namespace

std::string answers_section(const ResultsFolder& folder) {
  auto answers = answers_of(folder, false);
  if (answers.empty()) answers = answers_of(folder, true);
  std::string items;
  for (const auto& answer : answers) items += answer_item(folder.tables[answer.table], answer);
  std::string content = html_element("h2", "Answers") + "\n" + warnings_of(folder);
  if (items.empty())
    content += html_element("p", "No claim was judged in this folder.");
  else
    content +=
        html_element("p", {{"class", "quiet"}},
                     "One line for each claim of the paper. A number is the gap in points: the "
                     "first row less the second. Each leads to its interval and p-value. All of "
                     "it holds for these encoders and this suite.") +
        html_element("ul", {{"class", "answers"}}, "\n" + items);
  return html_element("section", {{"id", "answers"}}, "\n" + content) + "\n";
}

}  // namespace permafrost
