// SPDX-License-Identifier: Apache-2.0
// Confusion matrices of the first table's frozen columns.
#include <algorithm>
#include <cmath>

#include "bench/report/figures/figures.h"
#include "bench/report/figures/grid_panel.h"
#include "bench/report/results/json_fields.h"
#include "bench/report/results/tasks_of_suite.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

constexpr std::size_t kMostMatrices = 6;
constexpr int kMostClasses = 16;
constexpr std::size_t kLongestName = 12;

// Shares of a class's samples, [label][predicted], over all records; what could not be read is in
// no column.
using Matrix = std::vector<std::vector<double>>;

Matrix matrix_of(const std::vector<const Record*>& records, int classes) {
  const auto size = static_cast<std::size_t>(classes);
  Matrix shares(size, std::vector<double>(size, 0));
  std::vector<double> counts(size, 0);
  const auto known = [&](int label) { return label >= 0 && label < classes; };
  for (const Record* record : records)
    for (const auto& p : record->predictions) {
      if (!known(p.target.label())) continue;
      ++counts[static_cast<std::size_t>(p.target.label())];
      if (known(p.predicted))
        ++shares[static_cast<std::size_t>(p.target.label())][static_cast<std::size_t>(p.predicted)];
    }
  for (std::size_t c = 0; c < size; ++c)
    for (auto& share : shares[c]) share = counts[c] > 0 ? 100 * share / counts[c] : 0;
  return shares;
}

int heat_of(double percent) {
  return std::clamp(static_cast<int>(std::lround(percent / 10)), 0, kHeatInks - 1);
}

std::string alt_of(const Matrix& shares, const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t c = 0; c < shares.size(); ++c) {
    std::vector<double> others = shares[c];
    others[c] = -1;
    const auto most = std::max_element(others.begin(), others.end()) - others.begin();
    text += (c > 0 ? "; " : "") + names[c] + ": " + fixed(shares[c][c], 0) + " % right";
    if (others[static_cast<std::size_t>(most)] > 0)
      text += ", most often taken for " + names[static_cast<std::size_t>(most)] + " (" +
              fixed(others[static_cast<std::size_t>(most)], 0) + " %)";
  }
  return text;
}

void draw_matrix(Panel& panel, const Matrix& shares, const std::vector<std::string>& names) {
  const int classes = static_cast<int>(shares.size());
  // Names stand upright under the squares; about 7 pixels a character.
  std::size_t longest = 1;
  for (const auto& name : names) longest = std::max(longest, std::min(name.size(), kLongestName));
  const int below = 16 + 7 * static_cast<int>(longest);
  panel.height = 6 + 242 + below;
  PlotTics tics;
  for (std::size_t c = 0; c < names.size(); ++c)
    tics.emplace_back(static_cast<double>(c), shortened(names[c], kLongestName));
  PlotAxis columns = grid_axis(classes, tics), rows = grid_axis(classes, tics);
  columns.upright = true;
  std::swap(rows.low, rows.high);  // the first at the top
  Plot plot(panel, {.left = 92, .right = 6, .top = 6, .bottom = below}, columns, rows);
  GridCells cells(classes, classes);
  for (int label = 0; label < classes; ++label)
    for (int predicted = 0; predicted < classes; ++predicted)
      cells.at(predicted, label) =
          kHeatInk +
          heat_of(shares[static_cast<std::size_t>(label)][static_cast<std::size_t>(predicted)]);
  draw_cells(plot, cells, false, 0.02);
  for (std::size_t label = 0; label < shares.size(); ++label)
    for (std::size_t predicted = 0; predicted < shares.size(); ++predicted)
      if (const double share = shares[label][predicted]; share >= 0.5)
        plot.text({static_cast<double>(predicted), static_cast<double>(label)}, fixed(share, 0),
                  ink_on_heat(heat_of(share)));
  panel.svg = plot.svg(panel);
}

bool is_frozen(const std::vector<const Record*>& records) {
  return !records.empty() && text_in(records[0]->protocol, "kind") == "probe" &&
         records[0]->n() > 0;
}

}  // namespace

Figure confusion_figure(const ResultsFolder& folder, const EncoderStyles& styles) {
  Figure figure{.id = "confusion", .title = "Confusion matrices"};
  const TableModel& table = folder.tables.front();
  figure.caption = html_text(
      "Rows are the true classes, columns what the frozen probe said; "
      "percent of a class's test samples, all seeds together. " +
      heading_of(table.spec) + ".");
  std::size_t left_out = 0;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    for (std::size_t r = 0; r < table.cells.size(); ++r) {
      const auto records = records_of(folder, table.cells[r][c]);
      if (!is_frozen(records) || styles.of(table, r).floor) continue;
      if (records[0]->task.classes > kMostClasses || figure.panels.size() == kMostMatrices) {
        ++left_out;
        continue;
      }
      const auto names = class_names_of(table, *records[0]);
      const Matrix shares = matrix_of(records, records[0]->task.classes);
      Panel panel{.title = table.spec.rows[r].name + ", " + table.spec.columns[c].name,
                  .alt = alt_of(shares, names)};
      draw_matrix(panel, shares, names);
      figure.panels.push_back(std::move(panel));
    }
  if (left_out > 0)
    figure.notes.push_back(std::to_string(left_out) +
                           " more are not drawn; their predictions are in predictions/.");
  if (figure.panels.empty())
    figure.notes.emplace_back("Not drawn: no predictions of a frozen column are in the folder.");
  return figure;
}

}  // namespace permafrost
