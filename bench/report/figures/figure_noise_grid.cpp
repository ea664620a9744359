// SPDX-License-Identifier: Apache-2.0
// Accuracy of one denoiser over the level and the number of blocks that are frozen.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "bench/report/figures/figures.h"
#include "bench/report/figures/grid_panel.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"
#include "models/encoders/denoiser_file.h"

namespace permafrost {
namespace {

using Place = std::tuple<bool, int, double>;  // noised, blocks, tau

struct NoiseGrid {
  std::map<Place, std::size_t> rows;  // of the table
  std::set<double> levels;
  std::set<int> blocks;

  bool drawable() const { return levels.size() > 1 && blocks.size() > 1; }
};

NoiseGrid grid_of(const ResultsFolder& folder, const TableModel& table) {
  NoiseGrid grid;
  for (std::size_t r = 0; r < table.cells.size(); ++r)
    for (const auto& cell : table.cells[r]) {
      const auto records = records_of(folder, cell);
      if (records.empty()) continue;
      const auto name = frozen_name(records[0]->encoder.name);
      if (!name) break;
      const FrozenAt& at = name->at;
      grid.rows.emplace(Place{at.noised, at.blocks, at.tau}, r);
      grid.levels.insert(at.tau);
      grid.blocks.insert(at.blocks);
      break;
    }
  return grid;
}

std::string text_of(const Place& place) {
  const auto& [noised, blocks, tau] = place;
  return "tau " + plot_number(tau) + ", " + std::to_string(blocks) +
         (blocks == 1 ? " block" : " blocks") + (noised ? ", noised clips" : ", clean clips");
}

// Of one column: the lowest and the highest accuracy of the grid.
std::pair<double, double> range_of(const TableModel& table, const NoiseGrid& grid, std::size_t c) {
  double low = 100, high = 0;
  for (const auto& [place, row] : grid.rows) {
    const CellModel& cell = table.cells[row][c];
    if (!cell.available()) continue;
    low = std::min(low, cell.repeated.mean);
    high = std::max(high, cell.repeated.mean);
  }
  return {low, high};
}

Panel panel_of(const TableModel& table, const NoiseGrid& grid, std::size_t c, bool noised) {
  Panel panel{.title = table.spec.columns[c].name + (noised ? ", noised" : ", clean")};
  const auto [low, high] = range_of(table, grid, c);
  const int width = static_cast<int>(grid.levels.size()),
            height = static_cast<int>(grid.blocks.size());
  panel.height = 54 + 34 * height;
  PlotTics levels, blocks;
  for (const double tau : grid.levels)
    levels.emplace_back(static_cast<double>(levels.size()), plot_number(tau));
  for (const int count : grid.blocks)
    blocks.emplace_back(static_cast<double>(blocks.size()), std::to_string(count));
  PlotAxis x = grid_axis(width, levels), y = grid_axis(height, blocks);
  x.title = "noise level tau";
  y.title = "blocks";
  Plot plot(panel, {.left = 48, .right = 6, .top = 6, .bottom = 44}, x, y);
  GridCells cells(width, height);
  std::vector<std::tuple<PlotPoint, std::string, int>> numbers;
  for (const auto& [place, row] : grid.rows) {
    const CellModel& cell = table.cells[row][c];
    if (std::get<0>(place) != noised || !cell.available()) continue;
    const auto column = std::distance(grid.levels.begin(), grid.levels.find(std::get<2>(place)));
    const auto line = std::distance(grid.blocks.begin(), grid.blocks.find(std::get<1>(place)));
    const double share = high > low ? (cell.repeated.mean - low) / (high - low) : 0;
    const int heat = static_cast<int>(std::lround(share * (kHeatInks - 1)));
    cells.at(static_cast<int>(column), static_cast<int>(line)) = kHeatInk + heat;
    numbers.emplace_back(PlotPoint{static_cast<double>(column), static_cast<double>(line)},
                         fixed(cell.repeated.mean), ink_on_heat(heat));
    panel.alt +=
        (panel.alt.empty() ? "" : "; ") + text_of(place) + ": " + fixed(cell.repeated.mean) + " %";
  }
  if (numbers.empty()) return {};
  draw_cells(plot, cells, false, 0.02);
  for (const auto& [at, text, ink] : numbers) plot.text(at, text, ink);
  panel.svg = plot.svg(panel);
  return panel;
}

// What the probes' own choice says of a row: the held-out accuracy of the chosen candidates in
// percent, the mean over columns, seeds and folds. None where a column has none.
std::optional<double> held_out_of(const ResultsFolder& folder, const TableModel& table,
                                  std::size_t row) {
  double sum = 0;
  int count = 0;
  for (const auto& cell : table.cells[row]) {
    const auto records = records_of(folder, cell);
    if (records.empty()) return std::nullopt;
    for (const Record* record : records)
      for (const auto& selection : record->selections) {
        if (selection.held_out_accuracy.empty()) return std::nullopt;
        sum += 100 * *std::max_element(selection.held_out_accuracy.begin(),
                                       selection.held_out_accuracy.end());
        ++count;
      }
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

void add_choice(Figure& figure, const ResultsFolder& folder, const TableModel& table,
                const NoiseGrid& grid) {
  std::vector<std::pair<double, Place>> all;
  for (const auto& [place, row] : grid.rows)
    if (const auto held_out = held_out_of(folder, table, row)) all.emplace_back(*held_out, place);
  if (all.empty()) return;
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text = "Highest on the held-out part of the training side, the mean over columns: ";
  for (std::size_t k = 0; k < std::min<std::size_t>(3, all.size()); ++k)
    text += (k > 0 ? "; " : "") + text_of(all[k].second) + " (" + fixed(all[k].first) + " %)";
  figure.notes.push_back(text + ".");
}

}  // namespace

Figure noise_grid_figure(const ResultsFolder& folder, const TableModel& table,
                         const std::string& id) {
  Figure figure{.id = id, .title = "Noise level and blocks"};
  const NoiseGrid grid = grid_of(folder, table);
  if (!grid.drawable()) return figure;
  figure.caption = html_text(
      "Frozen accuracy in percent over the noise level that a denoiser is told (tau) and the "
      "number "
      "of its blocks that are kept. Colours run from the lowest to the highest of a column. "
      "\"Noised\": the same noise is mixed into the clips that the encoder sees.");
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    for (const bool noised : {false, true})
      if (Panel panel = panel_of(table, grid, c, noised); !panel.svg.empty())
        figure.panels.push_back(std::move(panel));
  add_choice(figure, folder, table, grid);
  return figure;
}

}  // namespace permafrost
