// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/plot.h"

#include <gtest/gtest.h>

#include <limits>

#include "bench/report/figures/grid_panel.h"
#include "bench/report/figures/series_panel.h"

namespace permafrost {
namespace plot_test {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string labels_of(const PlotTics& tics) {
  std::string text;
  for (const auto& [at, label] : tics) text += (text.empty() ? "" : " ") + label;
  return text;
}

// 100 pixels to a unit of x, 50 to one of y; (0,0) is at (10,190).
Plot plain_plot() {
  return Plot({.width = 320, .height = 200}, {.left = 10, .right = 10, .top = 40, .bottom = 10},
              {.low = 0, .high = 3, .tics = {}}, {.low = 0, .high = 3, .tics = {}});
}

TEST(PlotTics, AreOneTwoOrFiveTimesAPowerOfTenApart) {
  EXPECT_EQ(labels_of(nice_tics(0, 100)), "0 20 40 60 80 100");
  EXPECT_EQ(labels_of(nice_tics(-0.03, 0.12)), "-0.02 0 0.02 0.04 0.06 0.08 0.1 0.12");
  EXPECT_EQ(labels_of(nice_tics(1000, 1900)), "1000 1200 1400 1600 1800");
  EXPECT_EQ(labels_of(nice_tics(7, 7)), "7");
}

TEST(PlotTics, ArePowersOfTenOnALogarithmicAxis) {
  EXPECT_EQ(labels_of(nice_tics(0.02, 300, true)), "0.1 1 10 100");
  EXPECT_EQ(labels_of(nice_tics(1.5, 12, true)), "2 5 10");
}

TEST(PlotAxis, BeginsAndEndsAtATicUnlessItIsHeld) {
  PlotAxis axis{.low = 3, .high = 47};
  round_to_tics(axis, false, false);
  EXPECT_EQ(labels_of(axis.tics), "0 10 20 30 40 50");
  EXPECT_EQ(axis.low, 0);
  EXPECT_EQ(axis.high, 50);
  axis = {.low = 3, .high = 47};
  round_to_tics(axis, true, true);
  EXPECT_EQ(labels_of(axis.tics), "10 20 30 40");
  EXPECT_EQ(axis.low, 3);
}

TEST(PlotAxis, OfOneValueHasRoomBesideIt) {
  for (const double value : {0.0, -2.0, 1e6}) {
    PlotAxis axis{.low = value, .high = value};
    round_to_tics(axis, false, false);
    EXPECT_LT(axis.low, value);
    EXPECT_GT(axis.high, value);
  }
}

TEST(Plot, PutsPointsWhereTheAxesSay) {
  Plot plot = plain_plot();
  plot.line({{0, 0}, {3, 3}}, {.ink = kEncoderInk + 3, .dashed = true});
  plot.marker({1, 1}, kFloorInk, 9);
  plot.box({1, 2}, 0.5, 0.1, kContextInk);
  const std::string svg = plot.svg({.title = "t", .alt = "goes \"down\"", .width = 320});
  for (const char* part :
       {"d=\"M10.0,190.0 L310.0,40.0\" fill=\"none\" stroke=\"var(--encoder-3)\"",
        "stroke-dasharray",
        "href=\"#mark-9\" transform=\"translate(110.0,140.0) scale(3.6)\" color=\"var(--floor)\"",
        "<rect x=\"60.0\" y=\"85.0\" width=\"100.0\" height=\"10.0\" fill=\"var(--context)\"",
        "aria-label=\"goes &quot;down&quot;\"", "<title>t</title>"})
    EXPECT_TRUE(holds(svg, part)) << part << " in " << svg;
}

TEST(Plot, LeavesAGapForWhatIsNotFinite) {
  Plot plot = plain_plot();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  plot.line({{0, 0}, {1, nan}, {2, 0}, {3, 0}}, {});
  plot.marker({1, nan}, kTextInk, 1);
  const std::string svg = plot.svg({});
  EXPECT_TRUE(holds(svg, "d=\"M10.0,190.0 M210.0,190.0 L310.0,190.0\"")) << svg;
  EXPECT_FALSE(holds(svg, "nan"));
  EXPECT_FALSE(holds(svg, "<use"));
}

TEST(Plot, RunsALogarithmicAxisAndAnAxisFromTheTop) {
  Plot plot({.width = 200, .height = 100}, {.left = 0, .right = 0, .top = 0, .bottom = 0},
            {.low = 0.01, .high = 100, .log = true}, {.low = 1, .high = 0});
  plot.line({{0.01, 0}, {1, 1}, {100, 0.25}}, {});
  EXPECT_TRUE(holds(plot.svg({}), "M0.0,0.0 L100.0,100.0 L200.0,25.0"));
}

TEST(Plot, EscapesTextOfFiles) {
  const std::string hostile = "</text><script>'&";
  Plot plot({}, {}, {.title = hostile, .tics = {{0, hostile}}}, {.title = hostile});
  plot.text({0, 0}, hostile, kTextInk);
  const std::string svg = plot.svg({.title = hostile, .alt = hostile});
  EXPECT_FALSE(holds(svg, "<script"));
  EXPECT_TRUE(holds(svg, ">&lt;/text&gt;&lt;script&gt;&#39;&amp;</text>"));
}

TEST(SeriesPanel, DrawsLinesWhiskersAndALevel) {
  Panel panel{.title = "loss"};
  add_series(panel, {.x_title = "x", .y_title = "y", .level = 2.0},
             {{.ink = kEncoderInk,
               .marker = 9,
               .whiskers = true,
               .points = {{1, 2, 1, 3}, {3, 1, 0.5, 1.5}}}});
  for (const char* part : {"var(--encoder-0)", "var(--axis)", "var(--grid)", "#mark-9", ">y</text>",
                           "stroke-dasharray"})
    EXPECT_TRUE(holds(panel.svg, part)) << part;
}

TEST(SeriesPanel, StaysEmptyWithoutAPoint) {
  Panel panel;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  add_series(panel, {.x_title = "x", .y_title = "y"}, {{.points = {}}, {.points = {{1, nan}}}});
  EXPECT_EQ(panel.svg, "");
}

TEST(GridPanel, JoinsEqualNeighboursOfARow) {
  GridCells cells(3, 2);
  cells.inks = {kContextInk, kContextInk, kTargetInk, 0, kContextInk, kContextInk};
  Plot plot({.width = 30, .height = 20}, {.left = 0, .right = 0, .top = 0, .bottom = 0},
            grid_axis(3, {}), {.low = 1.5, .high = -0.5, .line = false, .grid = false});
  draw_cells(plot, cells, true, 0);
  const std::string svg = plot.svg({});
  for (const char* part :
       {"x=\"0.0\" y=\"0.0\" width=\"20.0\" height=\"10.0\" fill=\"var(--context)\"",
        "x=\"20.0\" y=\"0.0\" width=\"10.0\" height=\"10.0\" fill=\"var(--target)\"",
        "x=\"10.0\" y=\"10.0\" width=\"20.0\" height=\"10.0\" fill=\"var(--context)\""})
    EXPECT_TRUE(holds(svg, part)) << part << " in " << svg;
}

}  // namespace plot_test
}  // namespace permafrost
