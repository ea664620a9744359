// SPDX-License-Identifier: Apache-2.0
// Ours against the paper's, a panel a column.
#include <algorithm>

#include "bench/report/figures/figures.h"
#include "bench/report/figures/plot.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

constexpr std::size_t kLongestLabel = 20;
constexpr int kRowHeight = 26;
constexpr int kCross = 1, kOpenDiamond = 12;  // markers

std::string sentence(const RowSpec& row, const CellModel& cell) {
  std::string text = row.name + ": ";
  text += cell.available() ? fixed(cell.repeated.mean) + " " + interval_text(cell.ci95)
                           : "not available";
  if (cell.paper) text += ", paper " + fixed(*cell.paper);
  return text;
}

bool any_cell(const TableModel& table, std::size_t column) {
  return std::any_of(table.cells.begin(), table.cells.end(),
                     [&](const auto& row) { return row[column].available() || row[column].paper; });
}

void draw_row(Plot& plot, const CellModel& cell, const EncoderStyle& style, double row) {
  if (cell.available()) {
    plot.line({{cell.ci95.low, row}, {cell.ci95.high, row}}, {.ink = style.ink, .width = 2});
    for (const double value : cell.repeated.values)
      plot.marker({value, row + 0.27}, style.ink, kCross, 2.25);
    plot.marker({cell.repeated.mean, row}, style.ink, style.marker);
  }
  if (cell.paper) plot.marker({*cell.paper, row}, kTextInk, kOpenDiamond, 5);
}

Panel panel_of(const TableModel& table, std::size_t column, const EncoderStyles& styles) {
  const std::size_t rows = table.cells.size();
  const ColumnModel& model = table.columns[column];
  Panel panel{.title = table.spec.columns[column].name,
              .height = 60 + kRowHeight * static_cast<int>(rows)};
  for (std::size_t r = 0; r < rows; ++r)
    panel.alt += (r > 0 ? "; " : "") + sentence(table.spec.rows[r], table.cells[r][column]);
  if (model.chance > 0) panel.alt += "; chance " + fixed(model.chance);
  if (!any_cell(table, column)) return panel;
  const double top = -0.6, bottom = static_cast<double>(rows) - 0.4;
  PlotTics names;
  for (std::size_t r = 0; r < rows; ++r)
    names.emplace_back(static_cast<double>(r), shortened(table.spec.rows[r].name, kLongestLabel));
  Plot plot(panel, {.left = 138, .right = 16},
            {.title = model.measure->description() + ", " + model.measure->unit(),
             .high = 100,
             .tics = {{0, "0"}, {20, "20"}, {40, "40"}, {60, "60"}, {80, "80"}, {100, "100"}}},
            {.low = bottom, .high = top, .tics = names, .line = false, .grid = false});
  if (const double chance = model.chance; chance > 0)
    plot.line({{chance, top}, {chance, bottom}}, {.ink = kAxisInk, .width = 1.2, .dashed = true});
  for (std::size_t r = 0; r < rows; ++r)
    draw_row(plot, table.cells[r][column], styles.of(table, r), static_cast<double>(r));
  panel.svg = plot.svg(panel);
  return panel;
}

}  // namespace

Figure accuracy_figure(const TableModel& table, const std::string& id,
                       const EncoderStyles& styles) {
  Figure figure{.id = id, .title = "Ours against the paper's"};
  figure.caption =
      "Large mark: our mean. Bar through it: 95 % interval over test samples. Small crosses below: "
      "the single seeds or splits. Open diamond: the paper's number, which is another scale of "
      "model and data. Dashed: chance.";
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    Panel panel = panel_of(table, c, styles);
    if (panel.svg.empty())
      figure.notes.push_back(panel.title + " is not drawn: no cell of it is available.");
    else
      figure.panels.push_back(std::move(panel));
  }
  return figure;
}

}  // namespace permafrost
