// SPDX-License-Identifier: Apache-2.0
// One table: values, figures, verdicts, ranks, notes.
#include <algorithm>

#include "bench/report/figures/panel.h"
#include "bench/report/page/sections.h"
#include "bench/report/tables/claim_text.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

std::string below(const std::string& content) {
  return html_element("span", {{"class", "below"}}, content);
}

std::string value_cell(const TableModel& table, std::size_t number, std::size_t r, std::size_t c) {
  const CellModel& cell = table.cells[r][c];
  std::string content;
  if (cell.available()) {
    std::string ours = fixed(cell.repeated.mean);
    if (cell.repeated.deviation) ours += " ± " + fixed(*cell.repeated.deviation);
    const std::string at = "#" + cell_anchor(number, r, c);
    content = html_element("a", {{"class", "ours"}, {"href", at}}, html_text(ours)) +
              below(html_link(at, interval_text(cell.ci95)));
    if (cell.n_failed > 0)
      content +=
          below(std::to_string(cell.n - cell.n_failed) + " of " + std::to_string(cell.n) + " read");
  } else {
    content = html_element("span", {{"class", "quiet"}}, "not available");
  }
  if (cell.paper)
    content +=
        below("paper " + html_link("#" + table_anchor(number) + "-source", fixed(*cell.paper)));
  return html_element("td", content);
}

std::string column_title(const TableModel& table, std::size_t c) {
  const ColumnSpec& spec = table.spec.columns[c];
  const ColumnModel& column = table.columns[c];
  std::string content = html_text(spec.name);
  if (!spec.stands_for.empty()) content += below("for " + html_text(spec.stands_for));
  if (!is_default(*column.measure)) content += below(column.measure->description());
  if (column.n > 0)
    content += below("n = " + std::to_string(column.n) + ", chance " + fixed(column.chance));
  if (column.grouped) content += below("intervals over groups");
  return column_header(content);
}

std::string values_of(const TableModel& table, std::size_t number, const EncoderStyles& styles) {
  std::string head = column_header(html_text(table.spec.row_title)), body;
  for (std::size_t c = 0; c < table.columns.size(); ++c) head += column_title(table, c);
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    const EncoderStyle& style = styles.of(table, r);
    std::string row =
        html_element("th", {{"scope", "row"}},
                     swatch(style.ink, style.marker) + html_text(table.spec.rows[r].name));
    for (std::size_t c = 0; c < table.columns.size(); ++c) row += value_cell(table, number, r, c);
    body += html_element("tr", row) + "\n";
  }
  const auto splits = std::count_if(
      table.columns.begin(), table.columns.end(),
      [](const ColumnModel& column) { return column.repeated_over == SpreadOver::splits; });
  const char* over = splits == 0                           ? "seeds"
                     : splits == std::ssize(table.columns) ? "splits"
                                                           : "seeds or splits";
  return scrolling_table(
      heading_of(table.spec) + ", values", "values",
      measures_text(table) + ": mean over " + over +
          " ± their standard deviation; in brackets the 95 % interval over test samples; below it "
          "the paper's number. Our numbers lead to their records.",
      head, body);
}

// The rows or columns that a finding compares, each a link to its cell where there is one.
std::string subject_of(const TableModel& table, std::size_t number, const Finding& finding) {
  const auto column_of = [&](const std::string& name) {
    return std::find_if(table.spec.columns.begin(), table.spec.columns.end(),
                        [&](const ColumnSpec& c) { return c.name == name; }) -
           table.spec.columns.begin();
  };
  const auto row_of = [&](const std::string& name) {
    return std::find_if(table.spec.rows.begin(), table.spec.rows.end(),
                        [&](const RowSpec& r) { return r.name == name; }) -
           table.spec.rows.begin();
  };
  const std::string place = finding.place.substr(0, finding.place.find(" over "));
  const std::string between = between_of(finding.kind);
  std::string out;
  for (std::size_t at = 0; at <= finding.subject.size();) {
    std::size_t end = finding.subject.find(between, at);
    end = end == std::string::npos ? finding.subject.size() : end;
    const std::string name = finding.subject.substr(at, end - at);
    auto row = row_of(name), column = column_of(place);
    if (row == std::ssize(table.spec.rows) || column == std::ssize(table.spec.columns)) {
      row = row_of(place);
      column = column_of(name);
    }
    const bool found =
        row < std::ssize(table.spec.rows) && column < std::ssize(table.spec.columns) &&
        table.cells[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)].available();
    out += (at > 0 ? html_text(between) : "") +
           (found ? html_link("#" + cell_anchor(number, static_cast<std::size_t>(row),
                                                static_cast<std::size_t>(column)),
                              html_text(name))
                  : html_text(name));
    at = end + between.size();
  }
  return out;
}

// The cell that a gap starts from; empty where none is available.
std::string first_link(const std::string& subject) {
  const std::size_t at = subject.find("href=\"");
  return at == std::string::npos ? "" : subject.substr(at + 6, subject.find('"', at + 6) - at - 6);
}

std::string to_decide(const Finding& f) {
  std::string text =
      f.samples_to_decide ? "n to decide: " + about(*f.samples_to_decide) : "no n would decide";
  if (f.pretrainings_to_decide)
    text += ", or " + about(*f.pretrainings_to_decide) + " pretrainings";
  return text;
}

std::string repeated_text(const Finding& f) {
  std::string text;
  for (const double one : f.repeated) text += (text.empty() ? "" : " ") + fixed(one, 1, true);
  return text;
}

std::string finding_row(const TableModel& table, std::size_t number, std::size_t k) {
  const Finding& f = table.findings[k];
  std::string claim = f.step ? "step" : html_text(f.text);
  claim += margin_text(f);
  const std::string subject = subject_of(table, number, f), at = first_link(subject);
  claim += below(subject);
  const std::string gap = f.effect ? fixed(*f.effect, 1, true) : "";
  std::string verdict = verdict_badge(f.verdict);
  if (f.control) verdict += below("control");
  if (!f.reason.empty()) verdict += below(html_text(f.reason));
  if (f.verdict == Verdict::undecided) verdict += below(to_decide(f));
  std::string gap_cell = gap.empty() || at.empty() ? gap : html_link(at, gap);
  if (f.over_pretrainings && !f.whole) gap_cell += below("by pretraining " + repeated_text(f));
  return html_element("tr", {{"id", finding_anchor(number, k)}},
                      html_element("th", {{"scope", "row"}}, claim) +
                          html_element("td", html_text(f.place)) +
                          html_element("td", {{"class", "number"}}, gap_cell) +
                          number_cell(f.effect ? interval_text(f.ci95, true) : "") +
                          number_cell(f.effect ? p_text(f.p_adjusted) : "") +
                          number_cell(f.paper ? fixed(*f.paper, 1, true) : "–") +
                          html_element("td", verdict)) +
         "\n";
}

std::string verdicts_of(const TableModel& table, std::size_t number) {
  if (table.findings.empty()) return "";
  std::string body;
  for (std::size_t k = 0; k < table.findings.size(); ++k) body += finding_row(table, number, k);
  return html_element("h3", "Verdicts") +
         scrolling_table(
             heading_of(table.spec) + ", verdicts", "verdicts",
             "Gaps in points on the same samples, with the 95 % interval of a paired bootstrap "
             "over "
             "these; p adjusted after Holm. The names lead to the cells that are compared.",
             column_header("claim") + column_header("column") + column_header("gap, ours", true) +
                 column_header("95 % interval", true) + column_header("p (Holm)", true) +
                 column_header("paper's gap", true) + column_header("verdict"),
             body);
}

std::string ranks_of(const TableModel& table) {
  if (table.ranks.empty()) return "";
  std::string body;
  for (const auto& rank : table.ranks)
    body += html_element("tr", html_element("th", {{"scope", "row"}}, html_text(rank.column)) +
                                   number_cell(std::to_string(rank.rows.size())) +
                                   number_cell(fixed(rank.spearman.value, 2, true)) +
                                   number_cell(p_text(rank.spearman.p)) +
                                   number_cell(fixed(rank.kendall.value, 2, true)) +
                                   number_cell(p_text(rank.kendall.p))) +
            "\n";
  return html_element("h3", "Ranks") +
         scrolling_table(heading_of(table.spec) + ", ranks", "",
                         "Whether our column orders the rows as the paper's does.",
                         column_header("column") + column_header("rows", true) +
                             column_header("Spearman ρ", true) + column_header("p", true) +
                             column_header("Kendall τ-b", true) + column_header("p", true),
                         body);
}

// The same table in other formats, as far as it lies in the folder.
std::string files_of(const ResultsFolder& folder, const TableModel& table,
                     const std::string& prefix) {
  const std::string name = "table" + std::to_string(table.spec.number);
  std::string links;
  for (const char* ending : {".csv", ".claims.csv", ".tex", ".md", ".json", ".svg"}) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(folder.path / (name + ending), ignored))
      links += (links.empty() ? "" : " · ") + html_link(prefix + name + ending, name + ending);
  }
  return links.empty() ? "" : html_element("p", {{"class", "quiet"}}, "Files: " + links) + "\n";
}

std::string notes_list(const TableModel& table) {
  std::string items;
  for (const auto& note : notes_of(table)) items += html_element("li", html_text(note)) + "\n";
  return html_element("ul", {{"class", "notes"}}, "\n" + items);
}

}  // namespace

std::string table_section(const ResultsFolder& folder, std::size_t number,
                          const EncoderStyles& styles, const std::string& figures,
                          const std::string& prefix) {
  const TableModel& table = folder.tables[number];
  std::string content = html_element("h2", html_text(heading_of(table.spec))) + "\n";
  content += html_element("p", {{"class", "quiet"}, {"id", table_anchor(number) + "-source"}},
                          table.spec.source.empty()
                              ? "No published numbers stand beside these."
                              : "Published numbers: " + html_text(table.spec.source) + ".");
  content += values_of(table, number, styles) + files_of(folder, table, prefix) + figures +
             verdicts_of(table, number) + ranks_of(table) + html_element("h3", "How to read it") +
             notes_list(table);
  return html_element("section", {{"id", table_anchor(number)}}, "\n" + content) + "\n";
}

}  // namespace permafrost
