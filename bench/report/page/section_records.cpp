// SPDX-License-Identifier: Apache-2.0
// From every number to its records: a line a record, and the records in full.
#include <cmath>
#include <cstdio>

#include "bench/report/page/sections.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

std::string chosen_text(const Record& record) {
  std::string text;
  for (const auto& selection : record.selections) {
    char one[32];
    if (selection.neighbours > 0)
      std::snprintf(one, sizeof one, "k = %d", selection.neighbours);
    else
      std::snprintf(one, sizeof one, "%g", selection.learning_rate);
    if (text.find(one) == std::string::npos) text += (text.empty() ? "" : ", ") + std::string(one);
  }
  return text.empty() ? "–" : text;
}

// The record of one repetition; where it is not in the folder, what the table says.
std::string record_line(const ResultsFolder& folder, const CellModel& cell, std::size_t k,
                        const std::string& prefix) {
  const std::string& key = cell.records[k];
  const std::string short_key = html_element("code", key.substr(0, 12));
  const auto found = folder.records.find(key);
  if (found == folder.records.end())
    return html_element("td", "") + number_cell(fixed(cell.repeated.values[k])) + number_cell("–") +
           number_cell("–") + number_cell("–") +
           html_element("td", short_key + " (not in this folder)");
  const Record& record = found->second.stored.record;
  const bool whole = found->second.stored.has_predictions;
  return number_cell((record.training ? "split " : "seed ") + std::to_string(record.seed)) +
         number_cell(fixed(record.value)) + number_cell(interval_text(record.ci95)) +
         number_cell(whole ? std::to_string(record.n() - record.n_failed()) + " of " +
                                 std::to_string(record.n())
                           : "–") +
         number_cell(chosen_text(record)) +
         html_element("td", html_link("#" + record_anchor(key), short_key) + " · " +
                                html_link(prefix + "records/" + key + ".json", "file") +
                                (whole ? " · " + html_link(prefix + "predictions/" + key + ".csv",
                                                           "predictions")
                                       : ""));
}

std::string cell_lines(const ResultsFolder& folder, std::size_t number, std::size_t r,
                       std::size_t c, const std::string& prefix) {
  const TableModel& table = folder.tables[number];
  const CellModel& cell = table.cells[r][c];
  std::string rows;
  for (std::size_t k = 0; k < cell.records.size(); ++k) {
    const std::string name =
        k > 0 ? ""
              : html_element(
                    "th", {{"scope", "rowgroup"}, {"rowspan", std::to_string(cell.records.size())}},
                    html_text(table.spec.rows[r].name + ", " + table.spec.columns[c].name));
    rows += html_element("tr", name + record_line(folder, cell, k, prefix)) + "\n";
  }
  return html_element("tbody", {{"id", cell_anchor(number, r, c)}}, "\n" + rows) + "\n";
}

std::string lines_of(const ResultsFolder& folder, std::size_t number, const std::string& prefix) {
  const TableModel& table = folder.tables[number];
  std::string bodies;
  for (std::size_t r = 0; r < table.cells.size(); ++r)
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      if (table.cells[r][c].available()) bodies += cell_lines(folder, number, r, c, prefix);
  if (bodies.empty()) return "";
  return html_element("h3", html_text(heading_of(table.spec))) +
         scrolling_table(
             heading_of(table.spec) + ", records", "records",
             "A line a record: its value in percent with the 95 % interval over test samples, "
             "samples that could be read, the learning rate that was chosen.",
             column_header("cell") + column_header("repetition", true) +
                 column_header("value", true) + column_header("95 % interval", true) +
                 column_header("read", true) + column_header("chosen", true) +
                 column_header("record"),
             bodies);
}

std::string in_full(const ResultsFolder& folder) {
  std::string out;
  for (const auto& [key, found] : folder.records) {
    const Record& record = found.stored.record;
    const std::string summary = record.encoder.name + ", " + record.task.name + ", " +
                                record.protocol.at("name").get<std::string>() + ", " +
                                (record.training ? "split " : "seed ") +
                                std::to_string(record.seed) + ": " + fixed(record.value);
    // The target is inside, so that a link opens it.
    out += html_element(
               "details",
               html_element("summary",
                            html_text(summary) + " " + html_element("code", key.substr(0, 12))) +
                   html_element(
                       "pre", {{"class", "record"}, {"id", record_anchor(key)}, {"tabindex", "0"}},
                       html_text(found.text))) +
           "\n";
  }
  return out.empty() ? html_element("p", "There are no records in this folder.") : out;
}

}  // namespace

std::string records_section(const ResultsFolder& folder, const std::string& prefix) {
  std::string content = html_element("h2", "Records");
  for (std::size_t t = 0; t < folder.tables.size(); ++t) content += lines_of(folder, t, prefix);
  content += html_element("h3", "Every record in full") + "\n" + in_full(folder);
  return html_element("section", {{"id", "records"}}, "\n" + content) + "\n";
}

}  // namespace permafrost
