// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/panel.h"

#include <cmath>
#include <cstdio>

#include "bench/text/html.h"

namespace permafrost {
namespace {

// Colours that no panel uses for themselves: red 1, green 2, blue the ink.
constexpr std::int64_t kMark = 0x010200;

// gnuplot's point types, of radius 1; see the terminal's source for their numbers.
constexpr const char* kMarkers[] = {
    R"(<path d="M-1,0 h2 M0,-1 v2"/>)",
    R"(<path d="M-1,-1 L1,1 M1,-1 L-1,1"/>)",
    R"(<path d="M-1,0 L1,0 M0,-1 L0,1 M-1,-1 L1,1 M-1,1 L1,-1"/>)",
    R"(<rect x="-1" y="-1" width="2" height="2"/>)",
    R"(<rect fill="currentColor" x="-1" y="-1" width="2" height="2"/>)",
    R"(<circle r="1"/>)",
    R"(<circle r="1" fill="currentColor"/>)",
    R"(<path d="M0,-1.33 L-1.33,0.67 L1.33,0.67 z"/>)",
    R"(<path fill="currentColor" d="M0,-1.33 L-1.33,0.67 L1.33,0.67 z"/>)",
    R"(<path d="M0,1.33 L-1.33,-0.67 L1.33,-0.67 z"/>)",
    R"(<path fill="currentColor" d="M0,1.33 L-1.33,-0.67 L1.33,-0.67 z"/>)",
    R"(<path d="M0,-1.4 L1.4,0 L0,1.4 L-1.4,0 z"/>)",
    R"(<path fill="currentColor" d="M0,-1.4 L1.4,0 L0,1.4 L-1.4,0 z"/>)",
    R"(<path d="M0,-1.33 L-1.265,-0.411 L-0.782,1.067 L0.782,1.076 L1.265,-0.411 z"/>)",
    R"(<path fill="currentColor" d="M0,-1.33 L-1.265,-0.411 L-0.782,1.067 L0.782,1.076 L1.265,-0.411 z"/>)",
};

}  // namespace

std::string ink(int ink) {
  char text[32];
  std::snprintf(text, sizeof text, "rgb \"#%06x\"", static_cast<unsigned>(ink_number(ink)));
  return text;
}

std::int64_t ink_number(int ink) { return kMark + ink; }

std::string ink_variable(int ink) {
  if (ink >= kHeatInk) return "var(--heat-" + std::to_string(ink - kHeatInk) + ")";
  if (ink >= kEncoderInk) return "var(--encoder-" + std::to_string(ink - kEncoderInk) + ")";
  switch (ink) {
    case kAxisInk:
      return "var(--axis)";
    case kGridInk:
      return "var(--grid)";
    case kFloorInk:
      return "var(--floor)";
    case kOnHeatInk:
      return "var(--on-heat)";
    case kContextInk:
      return "var(--context)";
    case kTargetInk:
      return "var(--target)";
    case kNeitherInk:
      return "var(--neither)";
    default:
      return "var(--text)";
  }
}

std::string PlotScript::label(const std::string& text) {
  labels_.push_back(text);
  return "\"@@" + std::to_string(labels_.size() - 1) + "@@\"";
}

std::string plot_number(double value) {
  if (!std::isfinite(value)) return "NaN";
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

void begin_panel(Panel& panel, const PanelMargins& margins) {
  const auto share = [](int pixels, int of) {
    return plot_number(static_cast<double>(pixels) / of);
  };
  PlotScript& script = panel.script;
  script.line("reset");
  script.line("set terminal svg size " + std::to_string(panel.width) + "," +
              std::to_string(panel.height) + " dynamic noenhanced font \"sans-serif,12\"");
  script.line("set output");
  script.line("set lmargin at screen " + share(margins.left, panel.width));
  script.line("set rmargin at screen " + share(panel.width - margins.right, panel.width));
  script.line("set tmargin at screen " + share(panel.height - margins.top, panel.height));
  script.line("set bmargin at screen " + share(margins.bottom, panel.height));
  script.line("unset key");
  script.line("set border 3 lc " + ink(kAxisInk));
  script.line("set tics nomirror scale 0.4 textcolor " + ink(kTextInk));
  script.line("set grid back lt 1 lw 0.7 lc " + ink(kGridInk));
}

std::string marker_definitions() {
  std::string marks;
  int number = 0;
  for (const char* shape : kMarkers)
    marks += html_element("g",
                          {{"id", "gpPt" + std::to_string(number++)},
                           {"fill", "none"},
                           {"stroke", "currentColor"},
                           {"stroke-width", "0.35"}},
                          shape);
  return html_element(
      "svg", {{"width", "0"}, {"height", "0"}, {"class", "definitions"}, {"aria-hidden", "true"}},
      html_element("defs", marks));
}

std::string swatch(int ink, int marker) {
  const std::string point = html_element("use",
                                         {{"href", "#gpPt" + std::to_string(marker - 1)},
                                          {"transform", "translate(8,6) scale(4)"},
                                          {"color", ink_variable(ink)}},
                                         "");
  return html_element("svg",
                      {{"class", "swatch"},
                       {"width", "16"},
                       {"height", "12"},
                       {"viewBox", "0 0 16 12"},
                       {"aria-hidden", "true"}},
                      point);
}

}  // namespace permafrost
