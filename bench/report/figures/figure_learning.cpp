// SPDX-License-Identifier: Apache-2.0
// Accuracy over the clips that an encoder was pretrained on.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "bench/report/figures/figures.h"
#include "bench/report/figures/series_panel.h"
#include "bench/report/figures/zoo_files.h"
#include "bench/text/markdown.h"
#include "models/pretraining/objectives/masked_prediction.h"

namespace permafrost {
namespace {

struct Curve {
  int ink = kTextInk, marker = 7;
  std::map<double, std::size_t> rows;  // of the table, by clips
};

// Curves of two points and more, by name.
std::map<std::string, Curve> curves_of(const std::vector<std::optional<SeenClips>>& seen) {
  std::map<std::string, Curve> curves;
  for (std::size_t r = 0; r < seen.size(); ++r)
    if (seen[r]) curves[seen[r]->recipe].rows.emplace(seen[r]->clips, r);
  std::erase_if(curves, [](const auto& curve) { return curve.second.rows.size() < 2; });
  int count = 0;
  for (auto& [recipe, curve] : curves) {
    curve.ink = kEncoderInk + count % kEncoderInks;
    curve.marker = trained_marker(count++);
  }
  return curves;
}

std::set<double> clips_of(const std::map<std::string, Curve>& curves) {
  std::set<double> clips;
  for (const auto& [recipe, curve] : curves)
    for (const auto& [count, row] : curve.rows) clips.insert(count);
  return clips;
}

// "10 k", "1 M": two digits, as a batch does not divide every number of clips.
std::string short_count(double clips) {
  const double unit = std::pow(10, std::floor(std::log10(clips)) - 1);
  const double rounded = std::round(clips / unit) * unit;
  return rounded < 1e6 ? plot_number(rounded / 1e3) + " k" : plot_number(rounded / 1e6) + " M";
}

// One of those that round to the same.
PlotTics tics_of(const std::set<double>& clips) {
  PlotTics tics;
  for (const double count : clips)
    if (tics.empty() || tics.back().second != short_count(count))
      tics.emplace_back(count, short_count(count));
  return tics;
}

void add_floors(const TableModel& table, std::size_t column, const SeriesAxes& axes, Panel& panel,
                std::vector<Series>& series) {
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    const CellModel& cell = table.cells[r][column];
    if (!table.spec.rows[r].floor || !cell.available()) continue;
    const double y = cell.repeated.mean;
    series.push_back({.ink = kFloorInk,
                      .marker = 2,
                      .dashed = true,
                      .points = {{.x = *axes.x_low, .y = y}, {.x = *axes.x_high, .y = y}}});
    panel.alt += "; " + table.spec.rows[r].name + ": " + fixed(y);
  }
}

Panel panel_of(const TableModel& table, std::size_t column,
               const std::map<std::string, Curve>& curves) {
  Panel panel{.title = table.spec.columns[column].name};
  const Measure* measure = table.columns[column].measure;
  const std::set<double> clips = clips_of(curves);
  SeriesAxes axes{
      .x_title = "clips seen in pretraining (log scale)",
      .y_title = measure != nullptr ? measure->description() + ", " + measure->unit() : "",
      .log_x = true,
      .x_low = *clips.begin() / 1.3,
      .x_high = *clips.rbegin() * 1.3,
      .y_low = 0,
      .y_high = 100};
  if (const double chance = table.columns[column].chance; chance > 0) axes.level = chance;
  axes.x_tics = tics_of(clips);
  std::vector<Series> series;
  for (const auto& [recipe, curve] : curves) {
    Series line{.ink = curve.ink, .marker = curve.marker, .whiskers = true};
    panel.alt += (panel.alt.empty() ? "" : "; ") + recipe + ":";
    for (const auto& [count, row] : curve.rows) {
      const CellModel& cell = table.cells[row][column];
      if (!cell.available()) continue;
      line.points.push_back({count, cell.repeated.mean, cell.ci95.low, cell.ci95.high});
      panel.alt += " " + fixed(cell.repeated.mean) + " after " + short_count(count);
    }
    series.push_back(std::move(line));
  }
  if (std::all_of(series.begin(), series.end(), [](const Series& s) { return s.points.empty(); }))
    return {};
  add_floors(table, column, axes, panel, series);
  add_series(panel, axes, series);
  return panel;
}

const Record* first_record(const ResultsFolder& folder, const std::vector<CellModel>& row) {
  for (const auto& cell : row)
    if (const auto records = records_of(folder, cell); !records.empty()) return records[0];
  return nullptr;
}

std::optional<SeenClips> seen_by(const Record& record) {
  std::string why_not;
  const auto encoder = zoo_encoder(record, why_not);
  const auto config = encoder ? pretraining_of(*encoder) : std::nullopt;
  if (!config) return std::nullopt;
  const MaskedPrediction* masked = masked_prediction_of(*config->objective);
  return SeenClips{
      config->objective->name() + (masked != nullptr ? ", " + masked->keys().masking.name : ""),
      static_cast<double>(config->batch) * static_cast<double>(config->steps)};
}

}  // namespace

std::vector<std::vector<std::optional<SeenClips>>> seen_clips(const ResultsFolder& folder) {
  std::map<std::string, std::optional<SeenClips>> by_weights;
  std::vector<std::vector<std::optional<SeenClips>>> seen;
  for (const auto& table : folder.tables) {
    auto& rows = seen.emplace_back(table.cells.size());
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const Record* record = first_record(folder, table.cells[r]);
      if (record == nullptr) continue;
      const auto [known, is_new] = by_weights.try_emplace(record->encoder.sha256);
      if (is_new) known->second = seen_by(*record);
      rows[r] = known->second;
    }
  }
  return seen;
}

Figure learning_figure(const TableModel& table, const std::string& id,
                       const std::vector<std::optional<SeenClips>>& seen) {
  Figure figure{.id = id, .title = "Accuracy over pretraining"};
  const auto curves = curves_of(seen);
  if (curves.empty()) return figure;
  figure.caption =
      "Every point is a pretraining of its own, whose schedule ends there, with the 95 % interval "
      "over test samples. Dashed across: the floors and chance.";
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    if (Panel panel = panel_of(table, c, curves); !panel.svg.empty())
      figure.panels.push_back(std::move(panel));
  if (figure.panels.empty()) return figure;
  for (const auto& [recipe, curve] : curves)
    figure.legend.push_back({.ink = curve.ink, .marker = curve.marker, .text = recipe});
  return figure;
}

}  // namespace permafrost
