// SPDX-License-Identifier: Apache-2.0
#include "bench/report/page/report.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>

#include "bench/report/figures/encoder_styles.h"
#include "bench/report/figures/figures.h"
#include "bench/report/figures/panel.h"
#include "bench/report/page/sections.h"
#include "bench/report/page/style.h"
#include "bench/report/results/results_folder.h"
#include "bench/text/html.h"
#include "common/files/files.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

struct ReportFigures {
  std::vector<std::vector<Figure>> of_tables;  // [tables]
  std::vector<Figure> common;
};

ReportFigures figures_of(const ResultsFolder& folder, const EncoderStyles& styles) {
  ReportFigures figures;
  const auto seen = seen_clips(folder);
  for (std::size_t t = 0; t < folder.tables.size(); ++t) {
    const TableModel& table = folder.tables[t];
    figures.of_tables.push_back(
        {accuracy_figure(table, table_anchor(t) + "-accuracy", styles),
         low_shot_figure(folder, table, table_anchor(t) + "-low-shot", styles),
         noise_grid_figure(folder, table, table_anchor(t) + "-noise-grid"),
         learning_figure(table, table_anchor(t) + "-learning", seen[t])});
  }
  figures.common = {training_figure(styles),
                    sweep_figure(folder, styles),
                    mask_figure(styles),
                    attention_figure(folder, styles),
                    confusion_figure(folder, styles),
                    samples_figure(folder),
                    experts_figure(folder)};
  return figures;
}

void for_each(ReportFigures& figures, const auto& visit) {
  for (auto& table : figures.of_tables)
    for (auto& figure : table) visit(figure);
  for (auto& figure : figures.common) visit(figure);
}

std::string legend_of(const Figure& figure) {
  std::string items;
  for (const auto& entry : figure.legend)
    items += html_element("li", swatch(entry.ink, entry.marker) + html_text(entry.text));
  return figure.legend.empty() || figure.panels.empty()
             ? ""
             : html_element("ul", {{"class", "legend"}}, items) + "\n";
}

std::string figure_html(const Figure& figure, const std::string& heading) {
  if (figure.panels.empty() && figure.notes.empty()) return "";
  std::string panels, notes;
  for (const auto& panel : figure.panels)
    panels += html_element("div", html_element("h4", html_text(panel.title)) + panel.svg) + "\n";
  for (const auto& note : figure.notes) notes += html_element("li", html_text(note));
  std::string content = html_element("figcaption", figure.caption) + "\n" + legend_of(figure);
  if (!panels.empty()) content += html_element("div", {{"class", "panels"}}, "\n" + panels) + "\n";
  if (!notes.empty()) content += html_element("ul", {{"class", "notes"}}, notes) + "\n";
  return html_element(heading, {{"id", figure.id}}, html_text(figure.title)) + "\n" +
         html_element("figure", {{"aria-labelledby", figure.id}}, "\n" + content) + "\n";
}

std::string contents_of(const ResultsFolder& folder, const ReportFigures& figures) {
  std::vector<std::pair<std::string, std::string>> links{{"answers", "Answers"}};
  for (std::size_t t = 0; t < folder.tables.size(); ++t) {
    links.emplace_back(table_anchor(t), short_name(folder.tables[t].spec));
    if (t == 0) links.emplace_back("verdicts", "Verdicts");
  }
  if (folder.tables.empty()) links.emplace_back("verdicts", "Verdicts");
  for (const auto& figure : figures.common)
    if (!figure.panels.empty() || !figure.notes.empty())
      links.emplace_back(figure.id, figure.title);
  links.emplace_back("measured", "What was measured");
  links.emplace_back("records", "Records");
  std::string items;
  for (const auto& [id, title] : links)
    items += html_element("li", html_link("#" + id, html_text(title)));
  return html_element("nav", {{"aria-label", "Contents"}}, html_element("ol", items)) + "\n";
}

std::string title_of(const ResultsFolder& folder) {
  std::vector<std::string> suites;
  for (const auto& table : folder.tables)
    if (std::find(suites.begin(), suites.end(), table.context.suite) == suites.end())
      suites.push_back(table.context.suite);
  return "Permafrost report: suite " + joined(suites);
}

// Where the folder is as seen from the page, as part of an address.
std::string link_prefix(const fs::path& folder, const fs::path& out) {
  const fs::path relative = fs::absolute(folder).lexically_normal().lexically_proximate(
      fs::absolute(out).lexically_normal().parent_path());
  std::string prefix;
  for (const char c : relative.generic_string()) {
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    prefix += std::isalnum(static_cast<unsigned char>(c)) || std::strchr("-._~/", c) != nullptr
                  ? std::string(1, c)
                  : hex;
  }
  while (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
  return prefix.empty() || prefix == "." ? "" : prefix + "/";
}

std::string page_of(const ResultsFolder& folder, const EncoderStyles& styles,
                    const ReportFigures& figures, const std::string& prefix) {
  std::string first, tables, common;
  for (std::size_t t = 0; t < folder.tables.size(); ++t) {
    std::string of_table;
    for (const auto& figure : figures.of_tables[t]) of_table += figure_html(figure, "h3");
    (t == 0 ? first : tables) += table_section(folder, t, styles, of_table, prefix);
  }
  for (const auto& figure : figures.common)
    if (const std::string html = figure_html(figure, "h2"); !html.empty())
      common += html_element("section", "\n" + html) + "\n";
  const std::string title = html_text(title_of(folder));
  const std::string header = html_element(
      "header",
      html_element("h1", title) +
          html_element("p", {{"class", "quiet"}},
                       "Frozen evaluation of self-supervised video encoders. The columns are ours, "
                       "named after those of the paper that they stand for: gaps and orders can be "
                       "compared with the paper, absolute numbers cannot."));
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         // No script, no request: whatever a record holds, nothing of it runs or loads.
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
         "'unsafe-inline'; img-src data:\">\n" +
         html_element("title", title) + "\n" + html_element("style", report_style()) +
         "\n</head>\n<body>\n" +
         html_element("a", {{"class", "skip"}, {"href", "#main"}}, "To the content") + "\n" +
         marker_definitions() + "\n" + header + "\n" + contents_of(folder, figures) +
         html_element("main", {{"id", "main"}},
                      "\n" + answers_section(folder) + first + verdicts_section(folder) + tables +
                          common + measured_section(folder, styles) +
                          records_section(folder, prefix)) +
         "\n" +
         html_element("footer",
                      "Written by <code>permafrost report</code> from a folder of "
                      "results. It loads nothing and runs no script.") +
         "\n</body>\n</html>\n";
}

}  // namespace

Report make_report(const fs::path& path, const fs::path& out) {
  const ResultsFolder folder = read_results_folder(path);
  const EncoderStyles styles(folder);
  ReportFigures figures = figures_of(folder, styles);
  Report report{.tables = folder.tables.size(),
                .records = folder.records.size(),
                .problems = folder.problems};
  for_each(figures, [&](Figure& figure) {
    report.panels += figure.panels.size();
    for (const auto& note : figure.notes) report.left_out.push_back(figure.title + ": " + note);
  });
  report.html = page_of(folder, styles, figures, link_prefix(path, out));
  return report;
}

Report write_report(const fs::path& folder, const fs::path& out) {
  Report report = make_report(folder, out);
  write_file_atomically(out, report.html);
  return report;
}

}  // namespace permafrost
