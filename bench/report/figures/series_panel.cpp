// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/series_panel.h"

#include <algorithm>

namespace permafrost {
namespace {

std::string range_text(const std::optional<double>& low, const std::optional<double>& high) {
  return "[" + (low ? plot_number(*low) : "*") + ":" + (high ? plot_number(*high) : "*") + "]";
}

void set_axes(PlotScript& script, const SeriesAxes& axes) {
  const std::string colour = " textcolor " + ink(kTextInk);
  script.line("set xlabel " + script.label(axes.x_title) + " offset 0,0.6" + colour);
  if (!axes.y_title.empty())
    script.line("set ylabel " + script.label(axes.y_title) + " offset 0.6,0" + colour);
  if (axes.log_x) script.line("set logscale x");
  if (axes.log_y) script.line("set logscale y\nset format y \"%.0e\"");
  std::string tics;
  for (const auto& [at, text] : axes.x_tics)
    tics += (tics.empty() ? "" : ", ") + script.label(text) + " " + plot_number(at);
  if (!tics.empty()) script.line("set xtics (" + tics + ")");
  script.line("set xrange " + range_text(axes.x_low, axes.x_high));
  script.line("set yrange " + range_text(axes.y_low, axes.y_high));
}

}  // namespace

void add_series(Panel& panel, const SeriesAxes& axes, const std::vector<Series>& series) {
  std::string data, plot;
  for (std::size_t k = 0; k < series.size(); ++k) {
    const Series& one = series[k];
    if (one.points.empty()) continue;
    const std::string name = "$s" + std::to_string(k);
    data += name + " << END\n";
    for (const auto& p : one.points)
      data += plot_number(p.x) + " " + plot_number(p.y) + " " + plot_number(p.low) + " " +
              plot_number(p.high) + "\n";
    data += "END\n";
    const std::string colour = " lc " + ink(one.ink);
    if (one.whiskers)
      plot += (plot.empty() ? "" : ", ") + name +
              " using 1:3:(0):($4-$3) with vectors nohead lw 1.5" + colour;
    plot += (plot.empty() ? "" : ", ") + name + " using 1:2 with linespoints lw 1.5 pt " +
            std::to_string(one.marker) + " ps 0.8 pi " + std::to_string(one.every) +
            (one.dashed ? " dt 2" : "") + colour;
  }
  if (plot.empty()) return;
  if (axes.level) {
    std::string level;
    for (const auto& one : series)
      for (const auto& p : one.points)
        level += plot_number(p.x) + " " + plot_number(*axes.level) + "\n";
    data += "$level << END\n" + level + "END\n";
    plot += ", $level using 1:2 smooth unique with lines dt (4,3) lw 1.2 lc " + ink(kAxisInk);
  }
  begin_panel(panel, {.left = 62, .right = 20});
  set_axes(panel.script, axes);
  panel.script.line(data + "plot " + plot);
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
