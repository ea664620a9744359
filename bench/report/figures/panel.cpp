// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/panel.h"

#include <cstdio>

#include "bench/text/html.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

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

std::string plot_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string panel_svg(const Panel& panel, const std::string& content) {
  return html_element(
      "svg",
      {{"viewBox", "0 0 " + std::to_string(panel.width) + " " + std::to_string(panel.height)},
       {"width", std::to_string(panel.width)},
       {"height", std::to_string(panel.height)},
       {"role", "img"},
       {"aria-label", panel.alt}},
      html_element("title", html_text(panel.title)) + content);
}

std::string marker_definitions() {
  std::string marks;
  int number = 1;
  for (const char* shape : kMarkers)
    marks += html_element("g",
                          {{"id", "mark-" + std::to_string(number++)},
                           {"fill", "none"},
                           {"stroke", "currentColor"},
                           {"stroke-width", "0.35"}},
                          shape);
  return html_element(
      "svg", {{"width", "0"}, {"height", "0"}, {"class", "definitions"}, {"aria-hidden", "true"}},
      html_element("defs", marks));
}

std::string marker_svg(double x, double y, int ink, int marker, double size) {
  return html_element("use",
                      {{"href", "#mark-" + std::to_string(marker)},
                       {"transform", "translate(" + fixed(x, 1) + "," + fixed(y, 1) + ") scale(" +
                                         plot_number(size) + ")"},
                       {"color", ink_variable(ink)}},
                      "");
}

std::string swatch(int ink, int marker) {
  return html_element("svg",
                      {{"class", "swatch"},
                       {"width", "16"},
                       {"height", "12"},
                       {"viewBox", "0 0 16 12"},
                       {"aria-hidden", "true"}},
                      marker_svg(8, 6, ink, marker, 4));
}

}  // namespace permafrost
