// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/series_panel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace permafrost {
namespace {

struct Extent {
  double low = std::numeric_limits<double>::infinity(), high = -low;

  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

PlotAxis axis_of(const std::string& title, bool log, const Extent& extent,
                 const std::optional<double>& low, const std::optional<double>& high,
                 const PlotTics& tics) {
  PlotAxis axis{.title = title,
                .low = low.value_or(extent.low),
                .high = high.value_or(extent.high),
                .log = log};
  round_to_tics(axis, low.has_value(), high.has_value());
  if (!tics.empty()) axis.tics = tics;
  return axis;
}

void draw(Plot& plot, const Series& series) {
  std::vector<PlotPoint> points;
  for (const auto& p : series.points) {
    points.push_back({p.x, p.y});
    if (series.whiskers) plot.line({{p.x, p.low}, {p.x, p.high}}, {.ink = series.ink});
  }
  plot.line(points, {.ink = series.ink, .dashed = series.dashed});
  for (std::size_t k = 0; k < points.size(); k += static_cast<std::size_t>(series.every))
    plot.marker(points[k], series.ink, series.marker);
}

}  // namespace

void add_series(Panel& panel, const SeriesAxes& axes, const std::vector<Series>& series) {
  Extent xs, ys;
  for (const auto& one : series)
    for (const auto& p : one.points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
      xs.add(p.x);
      ys.add(p.y);
      if (one.whiskers) ys.add(p.low), ys.add(p.high);
    }
  if (!(xs.low <= xs.high)) return;
  if (axes.level) ys.add(*axes.level);
  Plot plot(panel, {.left = 62, .right = 20},
            axis_of(axes.x_title, axes.log_x, xs, axes.x_low, axes.x_high, axes.x_tics),
            axis_of(axes.y_title, axes.log_y, ys, axes.y_low, axes.y_high, {}));
  for (const auto& one : series) draw(plot, one);
  if (axes.level)
    plot.line({{xs.low, *axes.level}, {xs.high, *axes.level}},
              {.ink = kAxisInk, .width = 1.2, .dashed = true});
  panel.svg = plot.svg(panel);
}

LegendEntry legend_entry(const EncoderStyle& style) {
  return {.ink = style.ink, .marker = style.marker, .text = style.name};
}

void add_to_legend(std::vector<LegendEntry>& legend, const LegendEntry& entry) {
  const bool known = std::any_of(legend.begin(), legend.end(), [&](const LegendEntry& e) {
    return e.text == entry.text && e.ink == entry.ink && e.marker == entry.marker;
  });
  if (!known) legend.push_back(entry);
}

}  // namespace permafrost
