// SPDX-License-Identifier: Apache-2.0
// Accuracy over the share of the labels that the probe was given.
#include <algorithm>
#include <map>

#include "bench/report/figures/figures.h"
#include "bench/report/figures/series_panel.h"
#include "bench/report/results/json_fields.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

// The share that the records of a column say, percent; none where the column is not low-shot.
std::optional<double> share_of(const ResultsFolder& folder, const TableModel& table,
                               std::size_t column) {
  for (const auto& row : table.cells)
    for (const Record* record : records_of(folder, row[column])) {
      const auto share = number_in(record->protocol, "label_fraction");
      if (record->training && share && *share > 0) return 100 * *share;
    }
  return std::nullopt;
}

struct LowShotColumn {
  std::size_t column = 0;
  double share = 0;
};

Panel panel_of(const TableModel& table, const std::string& task,
               const std::vector<LowShotColumn>& columns, const EncoderStyles& styles) {
  Panel panel{.title = task};
  const Measure& measure = *table.columns[columns[0].column].measure;
  SeriesAxes axes{.x_title = "labels given, % (log scale)",
                  .y_title = measure.description() + ", " + measure.unit(),
                  .log_x = true,
                  .x_low = columns.front().share / 1.3,
                  .x_high = columns.back().share * 1.3,
                  .y_low = 0,
                  .y_high = 100};
  if (const double chance = table.columns[columns[0].column].chance; chance > 0)
    axes.level = chance;
  for (const auto& at : columns)
    axes.x_tics.emplace_back(at.share, fixed(at.share, at.share < 1 ? 1 : 0));
  std::vector<Series> series;
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    const EncoderStyle& style = styles.of(table, r);
    Series ours{.ink = style.ink, .marker = style.marker, .whiskers = true};
    Series paper{.ink = style.ink, .marker = 12, .dashed = true};
    panel.alt += (r > 0 ? "; " : "") + table.spec.rows[r].name + ":";
    for (const auto& at : columns) {
      const CellModel& cell = table.cells[r][at.column];
      if (cell.available())
        ours.points.push_back({at.share, cell.repeated.mean, cell.ci95.low, cell.ci95.high});
      if (cell.paper) paper.points.push_back({at.share, *cell.paper});
      panel.alt += " " + (cell.available() ? fixed(cell.repeated.mean) : "not available") + " at " +
                   axes.x_tics[static_cast<std::size_t>(&at - columns.data())].second + " %";
    }
    series.push_back(std::move(ours));
    series.push_back(std::move(paper));
  }
  add_series(panel, axes, series);
  return panel;
}

}  // namespace

Figure low_shot_figure(const ResultsFolder& folder, const TableModel& table, const std::string& id,
                       const EncoderStyles& styles) {
  Figure figure{.id = id, .title = "Accuracy over the share of labels"};
  figure.caption =
      "Solid: our mean over splits, with the 95 % interval over test samples. Dashed with open "
      "diamonds: the paper's numbers, another scale of model and data. Dashed across: chance.";
  std::map<std::string, std::vector<LowShotColumn>> tasks;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    if (const auto share = share_of(folder, table, c))
      tasks[table.spec.columns[c].task].push_back({c, *share});
  for (auto& [task, columns] : tasks) {
    std::sort(columns.begin(), columns.end(),
              [](const LowShotColumn& a, const LowShotColumn& b) { return a.share < b.share; });
    Panel panel = panel_of(table, task, columns, styles);
    if (columns.size() > 1 && !panel.svg.empty()) figure.panels.push_back(std::move(panel));
  }
  if (figure.panels.empty()) return figure;
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    LegendEntry entry = legend_entry(styles.of(table, r));
    entry.text = table.spec.rows[r].name;
    add_to_legend(figure.legend, entry);
  }
  return figure;
}

}  // namespace permafrost
