// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "bench/report/figures/grid_panel.h"
#include "bench/report/figures/panel.h"
#include "bench/report/figures/series_panel.h"

namespace permafrost {
namespace {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Panel panel_with(const std::string& label) {
  Panel panel{.title = "loss", .alt = "goes \"down\""};
  add_series(
      panel, {.x_title = label, .y_title = "y", .level = 2.0},
      {{.ink = kEncoderInk + 3,
        .marker = 9,
        .whiskers = true,
        .points = {
            {1, 2, 1, 3}, {2, std::numeric_limits<double>::quiet_NaN(), 0, 0}, {3, 1, 0.5, 1.5}}}});
  return panel;
}

class Gnuplot : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v gnuplot >/dev/null 2>&1") != 0) GTEST_SKIP() << "no gnuplot here";
  }
};

TEST_F(Gnuplot, DrawsSeveralPanelsInInksOfThePage) {
  Panel first = panel_with("first"), second = panel_with("second");
  EXPECT_EQ(draw_panels({&first, &second}), std::nullopt);
  EXPECT_TRUE(holds(first.svg, ">first<") && !holds(first.svg, ">second<"));
  EXPECT_TRUE(holds(second.svg, ">second<"));
  for (const char* part : {"var(--encoder-3)", "var(--axis)", "var(--text)", "href='#gpPt8'",
                           "aria-label=\"goes &quot;down&quot;\"", "<title>loss</title>"})
    EXPECT_TRUE(holds(first.svg, part)) << part;
  // What would be there once for every panel, or is for paper alone.
  for (const char* part : {"rgb(", "id=", "<defs", "white", "black", "Arial", "NaN", "gnuplot_"})
    EXPECT_FALSE(holds(first.svg, part)) << part;
}

TEST_F(Gnuplot, NeverSeesTextOfFiles) {
  const std::string hostile = "`touch /tmp/x` \"\nsystem('false') @@1@@ </text><script>";
  Panel panel = panel_with(hostile);
  EXPECT_FALSE(holds(panel.script.text(), "touch"));
  EXPECT_EQ(draw_panels({&panel}), std::nullopt);
  EXPECT_FALSE(holds(panel.svg, "<script"));
  EXPECT_TRUE(holds(panel.svg, "system(&#39;false&#39;) @@1@@ &lt;/text&gt;&lt;script&gt;"));
}

TEST_F(Gnuplot, GivesTheSameBytesAgain) {
  Panel first = panel_with("x"), second = panel_with("x");
  draw_panels({&first});
  draw_panels({&second});
  EXPECT_EQ(first.svg, second.svg);
}

TEST_F(Gnuplot, SaysWhatItDidNotUnderstand) {
  Panel panel{.title = "wrong"};
  begin_panel(panel, {});
  panel.script.line("plot nothing_of_that_name");
  const auto problem = draw_panels({&panel});
  ASSERT_TRUE(problem);
  EXPECT_TRUE(holds(*problem, "gnuplot failed")) << *problem;
  EXPECT_EQ(panel.svg, "");
}

TEST_F(Gnuplot, DrawsTheOthersOfOneThatItDoesNot) {
  Panel first = panel_with("first"), wrong{.title = "wrong"}, last = panel_with("last");
  begin_panel(wrong, {});
  wrong.script.line("plot nothing_of_that_name");
  EXPECT_TRUE(draw_panels({&first, &wrong, &last}));
  EXPECT_TRUE(holds(first.svg, ">first<"));
  EXPECT_TRUE(holds(last.svg, ">last<"));
  EXPECT_EQ(wrong.svg, "");
}

TEST(GnuplotMissing, LeavesPanelsEmptyAndSaysWhy) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  Panel panel = panel_with("x");
  const auto problem = draw_panels({&panel});
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_TRUE(problem);
  EXPECT_TRUE(holds(*problem, "gnuplot could not be started")) << *problem;
  EXPECT_EQ(panel.svg, "");
}

TEST(Panels, WithoutPointsHaveNoScript) {
  Panel panel;
  add_series(panel, {.x_title = "x", .y_title = "y"}, {{.points = {}}});
  EXPECT_EQ(panel.script.text(), "");
  EXPECT_EQ(draw_panels({&panel}), std::nullopt);
}

TEST(Panels, JoinEqualNeighboursOfARow) {
  GridCells cells(3, 2);
  cells.inks = {kContextInk, kContextInk, kTargetInk, 0, kContextInk, kContextInk};
  EXPECT_EQ(grid_boxes(cells, true, 0),
            "0.5 0 1 0.5 " + std::to_string(ink_number(kContextInk)) + "\n" +  //
                "2 0 0.5 0.5 " + std::to_string(ink_number(kTargetInk)) + "\n" + "1.5 1 1 0.5 " +
                std::to_string(ink_number(kContextInk)) + "\n");
}

}  // namespace
}  // namespace permafrost
