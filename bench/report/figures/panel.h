// SPDX-License-Identifier: Apache-2.0
#pragma once

// Figures of the report: small panels that flow beside each other, each an SVG that is drawn by
// gnuplot from a script, or by ourselves where there are pixels in it.
//
// A script holds numbers and our own words only. Text from files stands in it as a placeholder and
// is put into the finished SVG, escaped; colours stand in it as inks and become variables of the
// page's style sheet, so that one drawing serves light and dark.
//
//   PlotScript script;
//   script.line("set xlabel " + script.label("top-1 accuracy, %") + " textcolor " + ink(kTextInk));
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace permafrost {

// Colours by their meaning. The first eight encoders have an ink each, then they repeat.
inline constexpr int kTextInk = 1, kAxisInk = 2, kGridInk = 3, kFloorInk = 4, kOnHeatInk = 5,
                     kContextInk = 6, kTargetInk = 7, kNeitherInk = 8;
inline constexpr int kEncoderInk = 16, kEncoderInks = 8;
inline constexpr int kHeatInk = 32, kHeatInks = 11;  // from nothing to all

// For a script: rgb "#..." and, where a column of the data says the colour, its number.
std::string ink(int ink);
std::int64_t ink_number(int ink);
// For the page: var(--...).
std::string ink_variable(int ink);

class PlotScript {
 public:
  void line(const std::string& text) { text_ += text + "\n"; }
  // A quoted placeholder; the text itself never enters the script.
  std::string label(const std::string& text);
  const std::string& text() const { return text_; }
  const std::vector<std::string>& labels() const { return labels_; }

 private:
  std::string text_;
  std::vector<std::string> labels_;
};

// Six significant digits; NaN (which gnuplot leaves out) for what is not finite.
std::string plot_number(double value);

struct Panel {
  std::string title;  // above it
  std::string alt;    // what it shows, with its numbers
  PlotScript script;
  int width = 340, height = 240;
  std::string svg;  // filled by draw_panels, or from the start
};

struct LegendEntry {
  int ink = kTextInk;
  int marker = 7;  // gnuplot's point type
  std::string text;
};

struct Figure {
  std::string id, title;
  std::string caption;  // HTML
  std::vector<LegendEntry> legend;
  std::vector<Panel> panels;
  std::vector<std::string> notes;  // what is left out and why; a figure may be notes alone
};

// "set terminal ..." and the look that all panels share. Margins in pixels.
struct PanelMargins {
  int left = 48, right = 12, top = 10, bottom = 44;
};
void begin_panel(Panel& panel, const PanelMargins& margins);

// The shapes of gnuplot's point types 1 to 15 as <defs> of an <svg> of its own: once a page.
std::string marker_definitions();
// A swatch of that ink and marker, as SVG of 16x12.
std::string swatch(int ink, int marker);

// Draws all panels that have a script and no SVG, in one run of gnuplot where it takes them all.
// Says why some stay empty when it is not there or does not draw them; throws nothing.
std::optional<std::string> draw_panels(const std::vector<Panel*>& panels);

}  // namespace permafrost
