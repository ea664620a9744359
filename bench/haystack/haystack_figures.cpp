// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/haystack_figures.h"

#include <algorithm>
#include <cmath>

#include "bench/report/figures/grid_panel.h"
#include "bench/report/figures/series_panel.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

// "1k", "10M": to the nearest power's unit, for axes.
std::string short_tokens(std::int64_t tokens) {
  const double value = static_cast<double>(tokens);
  if (value >= 1e6) return fixed(value / 1e6, 0) + "M";
  if (value >= 1e3) return fixed(value / 1e3, 0) + "k";
  return std::to_string(tokens);
}

Panel grid_of_reading(const HaystackResult& result, const HaystackReading& reading, int depths) {
  Panel panel{.title = result.encoder.name};
  const auto width = static_cast<int>(reading.lengths.size());
  panel.height = 60 + 22 * depths;
  PlotTics lengths, places;
  for (const auto& length : reading.lengths)
    lengths.emplace_back(static_cast<double>(lengths.size()),
                         short_tokens(length.clips * result.encoder.spec.tokens()));
  for (int d = 0; d < depths; ++d)
    places.emplace_back(static_cast<double>(d), std::to_string(100 * d / depths) + "–" +
                                                    std::to_string(100 * (d + 1) / depths) + " %");
  PlotAxis x = grid_axis(width, lengths), y = grid_axis(depths, places);
  x.title = "tokens of the video";
  y.title = "place of the needle";
  // The first tenth is at the top.
  std::swap(y.low, y.high);
  Plot plot(panel, {.left = 84, .right = 6, .top = 6, .bottom = 44}, x, y);
  GridCells cells(width, depths);
  std::vector<std::pair<PlotPoint, std::pair<std::string, int>>> numbers;
  for (int column = 0; column < width; ++column) {
    const auto& length = reading.lengths[static_cast<std::size_t>(column)];
    panel.alt += (column > 0 ? "; " : "") +
                 short_tokens(length.clips * result.encoder.spec.tokens()) +
                 " tokens: " + fixed(length.accuracy()) + " % over all places";
    for (int d = 0; d < depths; ++d) {
      const auto k = static_cast<std::size_t>(d);
      if (length.asked[k] == 0) continue;
      const double accuracy = 100.0 * length.right[k] / length.asked[k];
      const int heat = static_cast<int>(std::lround(accuracy / 100 * (kHeatInks - 1)));
      cells.at(column, d) = kHeatInk + heat;
      numbers.push_back({{static_cast<double>(column), static_cast<double>(d)},
                         {fixed(accuracy, 0), ink_on_heat(heat)}});
    }
  }
  draw_cells(plot, cells, false, 0.02);
  for (const auto& [at, text] : numbers) plot.text(at, text.first, text.second);
  panel.svg = plot.svg(panel);
  return panel;
}

int marker_of(std::size_t k) { return static_cast<int>(7 + 2 * (k % 4)); }

Panel curves_of(const HaystackResult& result, std::vector<LegendEntry>& legend) {
  Panel panel{.title = result.encoder.name};
  std::vector<Series> series;
  for (std::size_t k = 0; k < result.readings.size(); ++k) {
    const HaystackReading& reading = result.readings[k];
    const LegendEntry entry{.ink = kEncoderInk + static_cast<int>(k % kEncoderInks),
                            .marker = marker_of(k),
                            .text = reading.name};
    add_to_legend(legend, entry);
    Series line{.ink = entry.ink, .marker = entry.marker, .whiskers = k == 0};
    for (const auto& length : reading.lengths) {
      const Interval ci = length.ci95();
      const auto tokens = static_cast<double>(length.clips * result.encoder.spec.tokens());
      line.points.push_back({tokens, length.accuracy(), ci.low, ci.high});
      panel.alt += (panel.alt.empty() ? "" : "; ") + reading.name + " at " + plot_number(tokens) +
                   ": " + fixed(length.accuracy()) + " %";
    }
    series.push_back(std::move(line));
  }
  add_series(panel,
             {.x_title = "tokens of the video",
              .y_title = "accuracy, %",
              .log_x = true,
              .y_low = 0,
              .y_high = 100,
              .level = result.chance},
             series);
  return panel;
}

Panel cost_panel(const HaystackDocument& document, bool memory, std::vector<LegendEntry>& legend) {
  Panel panel{.title = memory ? "Peak memory, MB" : "Core seconds"};
  std::vector<Series> series;
  for (const auto& group : grouped(document.costs)) {
    const std::size_t k = series.size();
    const LegendEntry entry{
        .ink = kEncoderInk + static_cast<int>((k + 4) % kEncoderInks),
        .marker = marker_of(k + 1),
        .text = "window " + group[0].window +
                (group[0].pool == "none" ? "" : ", mean of a " + group[0].pool)};
    add_to_legend(legend, entry);
    Series line{.ink = entry.ink, .marker = entry.marker};
    for (const auto& cost : group)
      line.points.push_back(
          {static_cast<double>(cost.frames), memory ? cost.peak_bytes / 1e6 : cost.core_seconds});
    for (const auto& p : line.points)
      panel.alt += (panel.alt.empty() ? "" : "; ") + entry.text + " at " + plot_number(p.x) +
                   " frames: " + plot_number(p.y);
    series.push_back(std::move(line));
  }
  add_series(panel, {.x_title = "frames of the video", .y_title = "", .log_x = true, .log_y = true},
             series);
  return panel;
}

}  // namespace

Figure haystack_grid(const HaystackDocument& document) {
  Figure figure{.id = "haystack", .title = "A needle in a video haystack"};
  figure.caption = html_text(
      std::string("Accuracy in percent over the length of a video and the place of its needle (") +
      synthetic::name_of(document.spec.needle) + ", " + name_of(document.spec.task) +
      "); chance is " + fixed(100.0 / classes_of(document.spec.task)) + ".");
  for (const auto& result : document.results)
    figure.panels.push_back(grid_of_reading(result, result.readings.front(), document.spec.depths));
  return figure;
}

Figure haystack_curves(const HaystackDocument& document) {
  Figure figure{.id = "haystack-length", .title = "Accuracy and costs over the length of a video"};
  for (const auto& result : document.results)
    figure.panels.push_back(curves_of(result, figure.legend));
  if (!document.costs.empty())
    for (const bool memory : {false, true})
      figure.panels.push_back(cost_panel(document, memory, figure.legend));
  return figure;
}

}  // namespace permafrost
