// SPDX-License-Identifier: Apache-2.0
// A table as text: Markdown that also reads well in a terminal, CSV and LaTeX.
#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "bench/report/tables/claim_text.h"
#include "bench/report/tables/table_report.h"
#include "bench/text/latex.h"
#include "bench/text/markdown.h"
#include "common/files/csv.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

// "45.2 ± 0.3 (68.6)"
std::string value_text(const CellModel& cell) {
  std::string text = cell.available() ? fixed(cell.repeated.mean) : "not available";
  if (cell.available() && cell.repeated.deviation) text += " ± " + fixed(*cell.repeated.deviation);
  if (cell.paper) text += " (" + fixed(*cell.paper) + ")";
  return text;
}

// Header, then two lines a row: value and published number, and the interval under them.
TextRows value_rows(const TableModel& table) {
  TextRows rows{{table.spec.row_title}};
  for (const auto& column : table.spec.columns) rows[0].push_back(column.name);
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    std::vector<std::string> values{table.spec.rows[r].name}, intervals{""};
    bool any = false;
    for (const auto& cell : table.cells[r]) {
      values.push_back(value_text(cell));
      intervals.push_back(cell.available() ? interval_text(cell.ci95) : "");
      any = any || cell.available();
    }
    rows.push_back(std::move(values));
    if (any) rows.push_back(std::move(intervals));
  }
  return rows;
}

// " (4 of 6 released; the training list has 10 of 12)"
std::string released_text(const ListedSamples& listed) {
  const auto of = [](std::int64_t here, std::int64_t released) {
    return std::to_string(here) + " of " + std::to_string(released);
  };
  return " (" + of(listed.test, listed.released_test) + " released; the training list has " +
         of(listed.train, listed.released_train) + ")";
}

std::string column_note(const ColumnSpec& spec, const ColumnModel& column) {
  std::string text = spec.name + ": ";
  text += spec.stands_for.empty() ? "stands for no column of the paper"
                                  : "stands for " + spec.stands_for;
  if (!is_default(*column.measure)) text += "; " + column.measure->description();
  if (column.n > 0)
    text += "; n = " + std::to_string(column.n) +
            (column.listed ? released_text(*column.listed) : "") + ", chance " +
            fixed(column.chance) + ", task " + spec.task + " v" +
            std::to_string(column.task_version);
  else
    text += "; task " + spec.task;
  text += ", protocol " + spec.protocol;
  return spec.protocol_note.empty() ? text : text + " (" + spec.protocol_note + ")";
}

// Which cells are missing and why, and which stand on fewer samples.
void add_missing_cells(const TableModel& table, std::vector<std::string>& notes) {
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
      if (cell.n_untrained > 0)
        notes.push_back("Training of " + row + ", " + column + ": " +
                        std::to_string(cell.n_untrained) +
                        " samples of the training list could not be read and were left out; they "
                        "are listed with their reasons in the records.");
    }
  }
  for (const auto& [reason, places] : missing)
    notes.push_back("Not available (" + joined(places.first) + " in " + joined(places.second) +
                    "): " + reason + ".");
}

// Names of the columns for which that holds.
std::string columns_text(const TableModel& table, bool (*holds)(const ColumnModel&)) {
  std::string text;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    if (holds(table.columns[c])) text += (text.empty() ? "" : ", ") + table.spec.columns[c].name;
  return text;
}

// What most of the table is in: the measure that goes without saying, where a column has it.
const Measure* first_measure(const TableModel& table) {
  const auto& columns = table.columns;
  const bool usual =
      columns.empty() || std::any_of(columns.begin(), columns.end(),
                                     [](const auto& c) { return is_default(*c.measure); });
  return usual ? &default_measure() : columns[0].measure;
}

std::string capitalised(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

// " (mean average precision in boxes)": columns that are in another measure than the first.
std::string other_measures(const TableModel& table) {
  const Measure* first = first_measure(table);
  std::vector<std::pair<const Measure*, std::vector<std::string>>> others;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const Measure* measure = table.columns[c].measure;
    if (measure == first) continue;
    auto it = std::find_if(others.begin(), others.end(),
                           [&](const auto& other) { return other.first == measure; });
    if (it == others.end()) it = others.insert(it, {measure, {}});
    it->second.push_back(table.spec.columns[c].name);
  }
  std::string text;
  for (const auto& [measure, columns] : others) {
    text += (text.empty() ? "" : "; ") + measure->description();
    if (measure->unit() != first->unit()) text += ", " + unit_in_words(*measure) + ",";
    text += " in " + joined(columns);
  }
  return text.empty() ? "" : " (" + text + ")";
}

// Rows, floors or others, with an encoder of its own for several seeds.
std::string rows_of_encoders(const TableModel& table, bool floors) {
  std::vector<std::string> rows;
  for (std::size_t r = 0; r < table.cells.size(); ++r)
    if (table.spec.rows[r].floor == floors &&
        std::any_of(table.cells[r].begin(), table.cells[r].end(),
                    [](const CellModel& cell) { return cell.encoders > 1; }))
      rows.push_back(table.spec.rows[r].name);
  return joined(rows);
}

std::string spread_note(const TableModel& table) {
  if (table.context.seeds < 2) return "One seed: nothing is known of the spread over seeds.";
  const std::string start = "± is the sample standard deviation over seeds";
  const std::string pretrained = rows_of_encoders(table, false);
  const std::string drawn = rows_of_encoders(table, true);
  std::vector<std::string> own;
  if (!pretrained.empty())
    own.push_back("in " + pretrained + " each is another pretraining of the encoder");
  if (!drawn.empty()) own.push_back("in " + drawn + " each has other random weights");
  if (own.empty())
    return start + " (start of the head, order, held-out part; one and the same encoder).";
  return start + ": " + joined(own, " and ") +
         ", with a head, order and held-out part of its own; elsewhere the encoder is one and the "
         "same.";
}

}  // namespace

std::string measures_text(const TableModel& table) {
  const Measure& first = *first_measure(table);
  return capitalised(first.description()) + " in " + unit_in_words(first) + other_measures(table);
}

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
    notes.push_back("Quick run: fewer samples, clips and epochs, a first look and not a result.");
  notes.push_back(measures_text(table) +
                  ": the mean over seeds, in round brackets the paper's number.");
  notes.push_back(spread_note(table));
  const std::string split = columns_text(
      table, [](const ColumnModel& column) { return column.repeated_over == SpreadOver::splits; });
  if (!split.empty())
    notes.push_back("In " + split +
                    " the mean and ± are over splits (training subsets) instead of seeds.");
  const std::string grouped =
      columns_text(table, [](const ColumnModel& column) { return column.grouped; });
  notes.push_back("[low, high] is a 95 % percentile bootstrap over test samples" +
                  (grouped.empty() ? "" : " (whole groups of them in " + grouped + ")") +
                  "; it knows nothing of encoders other than those that were measured.");
  for (const auto& note : claim_notes(table)) notes.push_back(note);
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    notes.push_back(column_note(table.spec.columns[c], table.columns[c]) + ".");
  add_missing_cells(table, notes);
  if (!table.spec.source.empty()) notes.push_back("Published numbers: " + table.spec.source + ".");
  return notes;
}

std::string to_markdown(const TableModel& table) {
  std::string text = "## " + heading_of(table.spec) + "\n\n";
  std::vector<bool> right(table.spec.columns.size() + 1, true);
  right[0] = false;
  text += markdown_table(value_rows(table), right) + claims_markdown(table) +
          ranks_markdown(table) + "\n";
  for (const auto& note : notes_of(table)) text += "- " + note + "\n";
  return text;
}

std::string to_csv(const TableModel& table) {
  std::string text =
      "table,suite,row,column,stands_for,mean,ci95_over_samples_low,ci95_over_samples_high,"
      "repeated,repetitions,sd_of_repetitions,ci95_of_repetitions_low,ci95_of_repetitions_high,"
      "paper,n,n_failed,chance,metric,encoders,not_available\n";
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const CellModel& cell = table.cells[r][c];
      const auto number = [&](double value) { return cell.available() ? fixed(value, 4) : ""; };
      const auto optional = [](const auto& value) { return value ? fixed(*value, 4) : ""; };
      const auto& over = cell.repeated.ci95;
      const std::vector<std::string> fields{std::to_string(table.spec.number),
                                            csv_field(table.context.suite),
                                            csv_field(table.spec.rows[r].name),
                                            csv_field(table.spec.columns[c].name),
                                            csv_field(table.spec.columns[c].stands_for),
                                            number(cell.repeated.mean),
                                            number(cell.ci95.low),
                                            number(cell.ci95.high),
                                            cell.available() ? name_of(cell.repeated.over) : "",
                                            std::to_string(cell.repeated.values.size()),
                                            optional(cell.repeated.deviation),
                                            over ? fixed(over->low, 4) : "",
                                            over ? fixed(over->high, 4) : "",
                                            cell.paper ? fixed(*cell.paper, 1) : "",
                                            std::to_string(cell.n),
                                            std::to_string(cell.n_failed),
                                            number(table.columns[c].chance),
                                            table.columns[c].measure->name(),
                                            std::to_string(cell.encoders),
                                            csv_field(cell.unavailable)};
      for (std::size_t k = 0; k < fields.size(); ++k) text += (k > 0 ? "," : "") + fields[k];
      text += "\n";
    }
  }
  return text;
}

std::string to_latex(const TableModel& table) {
  std::string text =
      "% \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\caption{" +
      latex_escaped(table.spec.title) + ". " +
      latex_escaped(capitalised(first_measure(table)->description()) + other_measures(table) +
                    " in " + unit_in_words(*first_measure(table))) +
      ", suite " + latex_escaped(table.context.suite) +
      (table.context.quick ? " (quick run)" : "") +
      "; below it the 95\\,\\% interval over samples, in brackets the published "
      "number.}\n\\begin{tabular}{l" +
      std::string(table.spec.columns.size(), 'r') + "}\n\\toprule\n";
  const TextRows rows = value_rows(table);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      text += (c > 0 ? " & " : "") + latex_cell(rows[r][c]);
    text += r == 0 ? " \\\\\n\\midrule\n" : " \\\\\n";
  }
  return text + "\\bottomrule\n\\end{tabular}\n\\end{table}\n" + claims_latex(table);
}

}  // namespace permafrost
