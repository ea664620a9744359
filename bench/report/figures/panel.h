// SPDX-License-Identifier: Apache-2.0
#pragma once

// Figures of the report: small panels that flow beside each other, each an SVG in the page. Colours
// are inks: variables of the page's style sheet, so that one drawing serves light and dark.
#include <string>
#include <vector>

namespace permafrost {

// Colours by their meaning. The first eight encoders have an ink each, then they repeat.
inline constexpr int kTextInk = 1, kAxisInk = 2, kGridInk = 3, kFloorInk = 4, kOnHeatInk = 5,
                     kContextInk = 6, kTargetInk = 7, kNeitherInk = 8;
inline constexpr int kEncoderInk = 16, kEncoderInks = 8;
inline constexpr int kHeatInk = 32, kHeatInks = 11;  // from nothing to all

// var(--...)
std::string ink_variable(int ink);

// Six significant digits.
std::string plot_number(double value);

struct Panel {
  std::string title;  // above it
  std::string alt;    // what it shows, with its numbers
  int width = 340, height = 240;
  std::string svg;  // empty: there is nothing to show
};

struct LegendEntry {
  int ink = kTextInk;
  int marker = 7;  // see marker_definitions()
  std::string text;
};

struct Figure {
  std::string id, title;
  std::string caption;  // HTML
  std::vector<LegendEntry> legend;
  std::vector<Panel> panels;
  std::vector<std::string> notes;  // what is left out and why; a figure may be notes alone
};

// `content` as the panel's <svg>, with its size, title and text in words.
std::string panel_svg(const Panel& panel, const std::string& content);

// The shapes of the markers 1 to 15, of radius 1, as <defs> of an <svg> of its own: once a page.
std::string marker_definitions();
// One of them at a place in pixels, as a part of an <svg>.
std::string marker_svg(double x, double y, int ink, int marker, double size);
// A swatch of that ink and marker, as SVG of 16x12.
std::string swatch(int ink, int marker);

}  // namespace permafrost
