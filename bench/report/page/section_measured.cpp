// SPDX-License-Identifier: Apache-2.0
// What was measured, with what, and when.
#include <map>
#include <set>

#include "bench/report/figures/panel.h"
#include "bench/report/page/sections.h"
#include "bench/report/results/json_fields.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"
#include "common/machine/progress.h"

namespace permafrost {
namespace {

std::string listed(const std::set<std::string>& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ", ") + value;
  return text.empty() ? "not known" : text;
}

std::string fact(const std::string& name, const std::string& value) {
  return html_element("dt", html_text(name)) + html_element("dd", html_text(value)) + "\n";
}

// First and last day of the records.
std::string dates_of(const ResultsFolder& folder) {
  std::set<std::string> days;
  std::size_t without = 0;
  for (const auto& [key, found] : folder.records) {
    const std::string& finished = found.stored.record.finished;
    if (finished.empty())
      ++without;
    else
      days.insert(finished.substr(0, 10));
  }
  if (days.empty()) return "not recorded";
  std::string text = *days.begin();
  if (days.size() > 1) text += " to " + *days.rbegin();
  return without == 0 ? text : text + " (" + std::to_string(without) + " records without a date)";
}

std::string seeds_of(const ResultsFolder& folder) {
  std::set<std::string> texts;
  for (const auto& table : folder.tables) {
    const auto first = table.context.first_seed;
    const auto last = first + static_cast<std::uint64_t>(table.context.seeds) - 1;
    texts.insert(first == last ? std::to_string(first)
                               : std::to_string(first) + " to " + std::to_string(last));
  }
  return listed(texts);
}

std::string facts_of(const ResultsFolder& folder) {
  std::set<std::string> suites, versions, commits, torches, devices, processors;
  double seconds = 0;
  for (const auto& table : folder.tables)
    suites.insert(table.context.suite +
                  (table.context.suite_title.empty() ? "" : ": " + table.context.suite_title));
  for (const auto& [key, found] : folder.records) {
    const Record& record = found.stored.record;
    versions.insert(record.build.version);
    commits.insert(record.build.commit);
    torches.insert(record.build.libtorch);
    devices.insert(record.build.device);
    processors.insert(record.build.processor.empty() ? "not recorded" : record.build.processor);
    seconds += record.train_seconds + record.evaluate_seconds;
  }
  std::string facts =
      fact("Suite", listed(suites)) + fact("Seeds", seeds_of(folder)) +
      fact("Tables", std::to_string(folder.tables.size())) +
      fact("Records", std::to_string(folder.records.size()) + " (one a cell and seed or split)");
  if (!folder.records.empty())
    facts += fact("Finished", dates_of(folder)) +
             fact("Program", "permafrost " + listed(versions) + ", commit " + listed(commits) +
                                 ", LibTorch " + listed(torches)) +
             fact("Device of the features", listed(devices)) +
             fact("Processor", listed(processors)) +
             fact("Training and testing of heads", clock_text(seconds) + ", all records together");
  return html_element("dl", {{"class", "facts"}}, "\n" + facts);
}

// "vjepa, width 64, depth 4, clips 8×48×48"
std::string shape_of(const Json& spec) {
  const auto whole = [&](const char* key) { return fixed(number_in(spec, key).value_or(0), 0); };
  return text_in(spec, "family") + ", width " + whole("width") + ", depth " + whole("depth") +
         ", clips " + whole("frames") + "×" + whole("height") + "×" + whole("image_width");
}

std::string encoder_row(const EncoderStyle& style, const Record* record) {
  const std::string unknown = "not known";
  const std::string name = record == nullptr ? style.name : record->encoder.name;
  return html_element(
             "tr",
             html_element("th", {{"scope", "row"}},
                          swatch(style.ink, style.marker) + html_text(name)) +
                 html_element("td", style.floor ? "floor" : "trained") +
                 html_element("td", record == nullptr ? unknown
                                                      : html_text(shape_of(record->encoder.spec))) +
                 html_element("td",
                              record == nullptr ? unknown : html_text(record->encoder.source)) +
                 html_element("td", {{"class", "hash"}},
                              record == nullptr
                                  ? unknown
                                  : html_element("code", html_text(record->encoder.sha256)))) +
         "\n";
}

std::string encoders_table(const EncoderStyles& styles) {
  std::string body;
  for (const auto& style : styles.all()) {
    if (style.records.empty()) body += encoder_row(style, nullptr);
    for (const Record* record : style.records) body += encoder_row(style, record);
  }
  return scrolling_table("Encoders", "",
                         "The weights that were measured. Colour and mark are the same in all "
                         "figures; pretrainings of one row share them.",
                         column_header("encoder") + column_header("is") + column_header("what") +
                             column_header("source") + column_header("SHA-256 of the weights"),
                         body);
}

std::string tasks_table(const ResultsFolder& folder) {
  struct Row {
    std::set<std::string> counts, classes, protocols, over;
    std::set<std::string> identities;
  };
  std::map<std::string, Row> rows;
  for (const auto& table : folder.tables)
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const ColumnModel& column = table.columns[c];
      if (column.n == 0) continue;
      Row& row = rows[table.spec.columns[c].task + " v" + std::to_string(column.task_version)];
      row.counts.insert(std::to_string(column.n));
      row.classes.insert(std::to_string(column.classes));
      row.protocols.insert(table.spec.columns[c].protocol);
      row.over.insert(column.grouped ? "groups of samples" : "samples");
      for (const auto& cells : table.cells)
        for (const Record* record : records_of(folder, cells[c]))
          row.identities.insert(record->task.identity);
    }
  std::string body;
  for (const auto& [name, row] : rows) {
    std::string identities;
    for (const auto& identity : row.identities)
      identities += (identities.empty() ? "" : "<br>") + html_element("code", html_text(identity));
    body +=
        html_element("tr",
                     html_element("th", {{"scope", "row"}}, html_text(name)) +
                         html_element("td", {{"class", "number"}}, html_text(listed(row.counts))) +
                         html_element("td", {{"class", "number"}}, html_text(listed(row.classes))) +
                         html_element("td", html_text(listed(row.over))) +
                         html_element("td", html_text(listed(row.protocols))) +
                         html_element("td", {{"class", "hash"}},
                                      identities.empty() ? "not known" : identities)) +
        "\n";
  }
  return scrolling_table(
      "Tasks", "",
      "Test samples, each counted once. The identity is a hash over samples, labels and splits.",
      column_header("task") + column_header("n", true) + column_header("classes", true) +
          column_header("intervals over") + column_header("protocols") + column_header("identity"),
      body);
}

}  // namespace

std::string measured_section(const ResultsFolder& folder, const EncoderStyles& styles) {
  std::string content = html_element("h2", "What was measured");
  content += facts_of(folder);
  content += html_element("h3", "Encoders") + encoders_table(styles);
  content += html_element("h3", "Tasks") + tasks_table(folder);
  return html_element("section", {{"id", "measured"}}, "\n" + content) + "\n";
}

std::string scrolling_table(const std::string& label, const std::string& css_class,
                            const std::string& caption, const std::string& head,
                            const std::string& body) {
  HtmlAttributes attributes;
  if (!css_class.empty()) attributes.emplace_back("class", css_class);
  const bool bodies = body.find("<tbody") != std::string::npos;
  return html_element(
             "div",
             {{"class", "scroll"}, {"role", "region"}, {"aria-label", label}, {"tabindex", "0"}},
             html_element("table", attributes,
                          html_element("caption", html_element("span", caption)) +
                              html_element("thead", html_element("tr", head)) +
                              (bodies ? body : html_element("tbody", "\n" + body)))) +
         "\n";
}

std::string column_header(const std::string& content, bool number) {
  HtmlAttributes attributes{{"scope", "col"}};
  if (number) attributes.emplace_back("class", "number");
  return html_element("th", attributes, content);
}

std::string short_name(const TableSpec& table) {
  const std::string heading = heading_of(table);
  return table.number > 0 ? heading.substr(0, heading.find(": ")) : heading;
}

std::string table_anchor(std::size_t table) { return "table-" + std::to_string(table); }

std::string cell_anchor(std::size_t table, std::size_t row, std::size_t column) {
  return table_anchor(table) + "-row-" + std::to_string(row) + "-column-" + std::to_string(column);
}

std::string finding_anchor(std::size_t table, std::size_t finding) {
  return table_anchor(table) + "-verdict-" + std::to_string(finding);
}

std::string record_anchor(const std::string& key) { return "record-" + key; }

}  // namespace permafrost
