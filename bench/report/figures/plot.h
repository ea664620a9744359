// SPDX-License-Identifier: Apache-2.0
#pragma once

// A panel's drawing over two axes, as SVG in the inks of the page. What is added lies over what was
// added before; points that are not finite are left out.
//
//   Plot plot(panel, {.left = 62}, {.title = "step", .low = 0, .high = 900, .tics = nice_tics(0,
//   900)},
//             y_axis);
//   plot.line({{0, 1}, {900, 0.2}}, {.ink = kEncoderInk});
//   panel.svg = plot.svg(panel);
#include <string>
#include <utility>
#include <vector>

#include "bench/report/figures/panel.h"

namespace permafrost {

using PlotTics = std::vector<std::pair<double, std::string>>;

struct PlotAxis {
  std::string title;
  double low = 0, high = 1;  // at the left or the bottom, and at the other end; low may be above
  bool log = false;
  PlotTics tics;
  bool line = true, grid = true;
  bool upright = false;  // the labels of an x axis stand on end
};

// About five labelled places of an axis: 1, 2 or 5 times a power of ten apart; the powers
// themselves on a logarithmic one, where it spans two or more.
PlotTics nice_tics(double low, double high, bool log = false);
// The same axis, long enough to begin and end at a tic, where its ends are not `fixed`.
void round_to_tics(PlotAxis& axis, bool low_fixed, bool high_fixed);

struct PlotPoint {
  double x = 0, y = 0;
};

struct PlotLine {
  int ink = kTextInk;
  double width = 1.5;  // pixels
  bool dashed = false;
};

struct PlotMargins {
  int left = 48, right = 12, top = 10, bottom = 44;  // pixels
};

class Plot {
 public:
  // The axes of a panel of that size; its other fields are not looked at.
  Plot(const Panel& panel, const PlotMargins& margins, PlotAxis x, PlotAxis y);

  void line(const std::vector<PlotPoint>& points, const PlotLine& look);
  // A shape of marker_definitions(); `size` is its radius in pixels.
  void marker(const PlotPoint& at, int ink, int marker, double size = 3.6);
  // Half the width and height in units of the axes.
  void box(const PlotPoint& middle, double half_width, double half_height, int ink);
  // In the middle of the place.
  void text(const PlotPoint& at, const std::string& text, int ink);

  std::string svg(const Panel& panel) const { return panel_svg(panel, body_); }

 private:
  double x_of(double value) const;
  double y_of(double value) const;
  void draw_x_axis();
  void draw_y_axis();

  int width_, height_;
  PlotMargins margins_;
  PlotAxis x_, y_;
  std::string body_;
};

}  // namespace permafrost
