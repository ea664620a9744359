// SPDX-License-Identifier: Apache-2.0
// A table as text: Markdown that also reads well in a terminal, CSV and LaTeX.
#include <algorithm>
#include <cstdio>
#include <map>

#include "bench/markdown.h"
#include "bench/table_report.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

// "45.2 ± 0.3 (68.6)"; `plus_minus` as the format writes it.
std::string value_text(const CellModel& cell, const std::string& plus_minus) {
  std::string text = cell.available() ? fixed(cell.mean) : "not available";
  if (cell.available() && cell.deviation) text += plus_minus + fixed(*cell.deviation);
  if (cell.paper) text += " (" + fixed(*cell.paper) + ")";
  return text;
}

// Header, then two lines a row: value and published number, and the interval under them.
TextRows value_rows(const TableModel& table, const std::string& plus_minus) {
  TextRows rows{{table.spec.row_title}};
  for (const auto& column : table.spec.columns) rows[0].push_back(column.name);
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    std::vector<std::string> values{table.spec.rows[r].name}, intervals{""};
    bool any = false;
    for (const auto& cell : table.cells[r]) {
      values.push_back(value_text(cell, plus_minus));
      intervals.push_back(cell.available() ? interval_text(cell.ci95) : "");
      any = any || cell.available();
    }
    rows.push_back(std::move(values));
    if (any) rows.push_back(std::move(intervals));
  }
  return rows;
}

std::string claims_markdown(const TableModel& table) {
  if (table.gaps.empty()) return "";
  TextRows rows{{"claim", "column", "gap, ours", "95 % interval", "paper", "verdict"}};
  for (std::size_t i = 0; i < table.gaps.size(); ++i) {
    const GapModel& gap = table.gaps[i];
    const bool again = i > 0 && table.gaps[i - 1].text == gap.text;
    std::string text = gap.text;
    if (gap.kind == ClaimKind::match) text += " (±" + fixed(gap.margin) + ")";
    rows.push_back({again ? "" : text, gap.column, gap.gap ? fixed(*gap.gap, 1, true) : "",
                    gap.gap ? interval_text(gap.ci95, true) : "",
                    gap.paper_gap ? fixed(*gap.paper_gap, 1, true) : "–", name_of(gap.verdict)});
  }
  return "\n" + markdown_table(rows, {false, false, true, true, true, false});
}

std::string column_note(const ColumnSpec& spec, const ColumnModel& column) {
  std::string text = spec.name + ": ";
  text += spec.stands_for.empty() ? "stands for no column of the paper"
                                  : "stands for " + spec.stands_for;
  if (column.n > 0)
    text += "; n = " + std::to_string(column.n) + ", chance " + fixed(column.chance()) + ", task " +
            spec.task + " v" + std::to_string(column.task_version);
  else
    text += "; task " + spec.task;
  return text + ", protocol " + spec.protocol;
}

// Which cells are missing and why, and which stand on fewer samples.
void add_gaps_in_the_table(const TableModel& table, std::vector<std::string>& notes) {
  std::map<std::string, std::pair<std::vector<std::string>, std::vector<std::string>>> missing;
  const auto add = [](std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const CellModel& cell = table.cells[r][c];
      const std::string& row = table.spec.rows[r].name;
      const std::string& column = table.spec.columns[c].name;
      if (!cell.available()) {
        auto& [rows, columns] = missing[cell.unavailable];
        add(rows, row);
        add(columns, column);
      }
      if (cell.n_failed > 0)
        notes.push_back("Coverage of " + row + ", " + column + ": " +
                        std::to_string(cell.n - cell.n_failed) + " of " + std::to_string(cell.n) +
                        " samples could be read; the others count as wrong and are listed with "
                        "their reasons in the records.");
    }
  }
  for (const auto& [reason, places] : missing)
    notes.push_back("Not available (" + joined(places.first) + " in " + joined(places.second) +
                    "): " + reason + ".");
}

// What each spread is a spread of, what the columns are, and what is missing.
std::vector<std::string> notes_of(const TableModel& table) {
  std::vector<std::string> notes;
  const TableContext& context = table.context;
  const std::string seeds =
      context.seeds > 1
          ? "seeds " + std::to_string(context.first_seed) + " to " +
                std::to_string(context.first_seed + static_cast<std::uint64_t>(context.seeds) - 1)
          : "seed " + std::to_string(context.first_seed);
  notes.push_back("Suite " + context.suite + ": " + context.suite_title + "; " + seeds + ".");
  if (context.quick)
    notes.push_back("Quick run: fewer samples and epochs, a first look and not a result.");
  notes.push_back(
      "Top-1 accuracy in percent: the mean over seeds, in round brackets the paper's number.");
  notes.push_back(
      context.seeds > 1
          ? "± is the sample standard deviation over seeds (start of the head, order, held-out "
            "part; one and the same encoder)."
          : "One seed: nothing is known of the spread over seeds.");
  std::string grouped;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    if (table.columns[c].grouped)
      grouped += (grouped.empty() ? "" : ", ") + table.spec.columns[c].name;
  notes.push_back("[low, high] is a 95 % percentile bootstrap over test samples" +
                  (grouped.empty() ? "" : " (whole groups of them in " + grouped + ")") +
                  "; it knows nothing of other encoders trained the same way.");
  if (!table.gaps.empty())
    notes.push_back(
        "Gaps are points on the same samples, their interval a paired bootstrap over these. "
        "\"Leads\" is supported where the interval lies above 0 and contradicted where it lies "
        "below; \"match\" is supported where it lies within the margin and contradicted where it "
        "lies outside.");
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    notes.push_back(column_note(table.spec.columns[c], table.columns[c]) + ".");
  add_gaps_in_the_table(table, notes);
  if (!table.spec.source.empty()) notes.push_back("Published numbers: " + table.spec.source + ".");
  return notes;
}

std::string latex_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string("&%$#_{}").find(c) != std::string::npos)
      out += std::string("\\") + c;
    else if (c == '~')
      out += "\\textasciitilde{}";
    else if (c == '^')
      out += "\\textasciicircum{}";
    else if (c == '\\')
      out += "\\textbackslash{}";
    else
      out += c;
  }
  return out;
}

// A cell's text; a leading [ would be read as the optional argument of \\.
std::string latex_cell(const std::string& text, const std::string& plus_minus) {
  std::string out = latex_escaped(text);
  if (const auto at = out.find("@PM@"); at != std::string::npos) out.replace(at, 4, plus_minus);
  return out.empty() || out[0] != '[' ? out : "{" + out + "}";
}

}  // namespace

std::string to_markdown(const TableModel& table) {
  std::string text = "## " + heading_of(table.spec) + "\n\n";
  std::vector<bool> right(table.spec.columns.size() + 1, true);
  right[0] = false;
  text += markdown_table(value_rows(table, " ± "), right) + claims_markdown(table) + "\n";
  for (const auto& note : notes_of(table)) text += "- " + note + "\n";
  return text;
}

std::string to_csv(const TableModel& table) {
  std::string text =
      "table,suite,row,column,stands_for,mean,sd_over_seeds,ci95_low,ci95_high,paper,seeds,n,"
      "n_failed,chance,not_available\n";
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const CellModel& cell = table.cells[r][c];
      const auto number = [&](double value) { return cell.available() ? fixed(value, 4) : ""; };
      const std::vector<std::string> fields{std::to_string(table.spec.number),
                                            csv_field(table.context.suite),
                                            csv_field(table.spec.rows[r].name),
                                            csv_field(table.spec.columns[c].name),
                                            csv_field(table.spec.columns[c].stands_for),
                                            number(cell.mean),
                                            cell.deviation ? fixed(*cell.deviation, 4) : "",
                                            number(cell.ci95.low),
                                            number(cell.ci95.high),
                                            cell.paper ? fixed(*cell.paper, 1) : "",
                                            std::to_string(cell.seed_values.size()),
                                            std::to_string(cell.n),
                                            std::to_string(cell.n_failed),
                                            number(table.columns[c].chance()),
                                            csv_field(cell.unavailable)};
      for (std::size_t k = 0; k < fields.size(); ++k) text += (k > 0 ? "," : "") + fields[k];
      text += "\n";
    }
  }
  return text;
}

std::string to_latex(const TableModel& table) {
  std::string text = "% \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\caption{" +
                     latex_escaped(table.spec.title) + ". Top-1 accuracy in percent, suite " +
                     latex_escaped(table.context.suite) +
                     (table.context.quick ? " (quick run)" : "") +
                     "; below it the 95\\,\\% interval over samples, in brackets the published "
                     "number.}\n\\begin{tabular}{l" +
                     std::string(table.spec.columns.size(), 'r') + "}\n\\toprule\n";
  const TextRows rows = value_rows(table, "@PM@");
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      text += (c > 0 ? " & " : "") + latex_cell(rows[r][c], " $\\pm$ ");
    text += r == 0 ? " \\\\\n\\midrule\n" : " \\\\\n";
  }
  return text + "\\bottomrule\n\\end{tabular}\n\\end{table}\n";
}

}  // namespace permafrost
