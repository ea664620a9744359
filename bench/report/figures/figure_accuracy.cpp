// SPDX-License-Identifier: Apache-2.0
// Ours against the paper's, a panel a column.
#include "bench/report/figures/figures.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

constexpr std::size_t kLongestLabel = 20;
constexpr int kRowHeight = 26;

std::string sentence(const RowSpec& row, const CellModel& cell) {
  std::string text = row.name + ": ";
  text += cell.available() ? fixed(cell.repeated.mean) + " " + interval_text(cell.ci95)
                           : "not available";
  if (cell.paper) text += ", paper " + fixed(*cell.paper);
  return text;
}

struct Points {
  std::string intervals, means, repetitions, paper, chance;
};

Points points_of(const TableModel& table, std::size_t column, const EncoderStyles& styles) {
  Points points;
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    const CellModel& cell = table.cells[r][column];
    const EncoderStyle& style = styles.of(table, r);
    const std::string y = " " + std::to_string(r) + " ";
    const std::string look =
        std::to_string(ink_number(style.ink)) + " " + std::to_string(style.marker) + "\n";
    if (cell.available()) {
      points.intervals += plot_number(cell.ci95.low) + y +
                          plot_number(cell.ci95.high - cell.ci95.low) + " 0 " + look;
      points.means += plot_number(cell.repeated.mean) + y + look;
      for (const double value : cell.repeated.values)
        points.repetitions += plot_number(value) + " " +
                              plot_number(static_cast<double>(r) + 0.27) + " " +
                              std::to_string(ink_number(style.ink)) + "\n";
    }
    if (cell.paper) points.paper += plot_number(*cell.paper) + y + "\n";
  }
  if (const double chance = table.columns[column].chance(); chance > 0)
    for (const double end : {-0.6, static_cast<double>(table.cells.size()) - 0.4})
      points.chance += plot_number(chance) + " " + plot_number(end) + "\n";
  return points;
}

void add_data(PlotScript& script, const std::string& name, const std::string& lines) {
  if (!lines.empty()) script.line("$" + name + " << END\n" + lines + "END");
}

std::string plot_line(const Points& points) {
  std::vector<std::string> parts;
  if (!points.chance.empty())
    parts.push_back("$chance using 1:2 with lines dt (4,3) lw 1.2 lc " + ink(kAxisInk));
  if (!points.intervals.empty()) {
    parts.emplace_back("$intervals using 1:2:3:4:5 with vectors nohead lw 2 lc rgb variable");
    parts.emplace_back("$repetitions using 1:2:3 with points pt 1 ps 0.5 lc rgb variable");
    parts.emplace_back("$means using 1:2:4:3 with points pt variable ps 0.8 lc rgb variable");
  }
  if (!points.paper.empty())
    parts.push_back("$paper using 1:2 with points pt 12 ps 1.1 lc " + ink(kTextInk));
  std::string line = "plot ";
  for (std::size_t k = 0; k < parts.size(); ++k) line += (k > 0 ? ", " : "") + parts[k];
  return line;
}

Panel panel_of(const TableModel& table, std::size_t column, const EncoderStyles& styles) {
  const std::size_t rows = table.cells.size();
  const ColumnModel& model = table.columns[column];
  Panel panel{.title = table.spec.columns[column].name,
              .height = 60 + kRowHeight * static_cast<int>(rows)};
  for (std::size_t r = 0; r < rows; ++r)
    panel.alt += (r > 0 ? "; " : "") + sentence(table.spec.rows[r], table.cells[r][column]);
  if (model.chance() > 0) panel.alt += "; chance " + fixed(model.chance());
  const Points points = points_of(table, column, styles);
  if (points.intervals.empty() && points.paper.empty()) return panel;
  begin_panel(panel, {.left = 138, .right = 16});
  PlotScript& script = panel.script;
  std::string tics;
  for (std::size_t r = 0; r < rows; ++r)
    tics += (r > 0 ? ", " : "") + script.label(shortened(table.spec.rows[r].name, kLongestLabel)) +
            " " + std::to_string(r);
  script.line("set border 1");
  script.line("set ytics scale 0 (" + tics + ")");
  script.line("unset grid");
  script.line("set grid xtics back lt 1 lw 0.7 lc " + ink(kGridInk));
  script.line("set xrange [0:100]\nset xtics 0,20");
  script.line("set yrange [" + plot_number(static_cast<double>(rows) - 0.4) + ":-0.6]");
  script.line("set xlabel " +
              script.label(model.measure->description() + ", " + model.measure->unit()) +
              " offset 0,0.6 textcolor " + ink(kTextInk));
  add_data(script, "intervals", points.intervals);
  add_data(script, "means", points.means);
  add_data(script, "repetitions", points.repetitions);
  add_data(script, "paper", points.paper);
  add_data(script, "chance", points.chance);
  script.line(plot_line(points));
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
    if (panel.script.text().empty())
      figure.notes.push_back(panel.title + " is not drawn: no cell of it is available.");
    else
      figure.panels.push_back(std::move(panel));
  }
  return figure;
}

}  // namespace permafrost
