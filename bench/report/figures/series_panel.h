// SPDX-License-Identifier: Apache-2.0
#pragma once

// Lines over one axis, a line an encoder: what the curves of the report share.
#include <optional>
#include <string>
#include <vector>

#include "bench/report/figures/encoder_styles.h"
#include "bench/report/figures/plot.h"

namespace permafrost {

struct SeriesPoint {
  double x = 0, y = 0;
  double low = 0, high = 0;  // of the whiskers, where the series has them
};

struct Series {
  int ink = kTextInk, marker = 7;
  bool dashed = false, whiskers = false;
  int every = 1;  // a marker at every so many points
  std::vector<SeriesPoint> points;
};

struct SeriesAxes {
  std::string x_title, y_title;  // no y_title: the panel's title says it
  bool log_x = false, log_y = false;
  PlotTics x_tics;  // none: found from the points
  std::optional<double> x_low, x_high, y_low, y_high;
  std::optional<double> level;  // a dashed line across, such as chance
};

// Draws them in `panel`; without any point it stays empty.
void add_series(Panel& panel, const SeriesAxes& axes, const std::vector<Series>& series);

// The legend entry of an encoder.
LegendEntry legend_entry(const EncoderStyle& style);
// Unless it is in there already.
void add_to_legend(std::vector<LegendEntry>& legend, const LegendEntry& entry);

}  // namespace permafrost
