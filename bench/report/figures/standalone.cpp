// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/standalone.h"

#include <algorithm>

#include "bench/report/page/style.h"
#include "bench/text/html.h"
#include "bench/text/svg.h"

namespace permafrost {
namespace {

constexpr int kGap = 18, kTitle = 30, kPanelTitle = 20, kLegendLine = 20;

std::string label(double x, double y, const std::string& text, const char* size,
                  const char* weight) {
  return svg_text({x, y}, text,
                  {{"font-size", size}, {"font-weight", weight}, {"fill", ink_variable(kTextInk)}});
}

std::string moved(double x, double y, const std::string& content) {
  return html_element(
      "g", {{"transform", "translate(" + svg_number(x) + "," + svg_number(y) + ")"}}, content);
}

}  // namespace

std::string standalone_svg(const Figure& figure, int columns) {
  int panel_width = 0, panel_height = 0;
  for (const auto& panel : figure.panels) {
    panel_width = std::max(panel_width, panel.width);
    panel_height = std::max(panel_height, panel.height);
  }
  const int count = static_cast<int>(figure.panels.size());
  const int across = std::max(1, std::min(columns, count));
  const int width = kGap + across * (panel_width + kGap);
  std::string body = label(kGap, 22, figure.title, "15", "600");
  int top = kTitle;
  for (const auto& entry : figure.legend) {
    body += marker_svg(kGap + 6, top + 8, entry.ink, entry.marker, 4) +
            label(kGap + 18, top + 12, entry.text, "12", "400");
    top += kLegendLine;
  }
  for (int k = 0; k < count; ++k) {
    const Panel& panel = figure.panels[static_cast<std::size_t>(k)];
    const double x = kGap + (k % across) * (panel_width + kGap);
    const double y = top + kGap + (k / across) * (panel_height + kPanelTitle + kGap);
    body += label(x, y, panel.title, "13", "600") + moved(x, y + 8, panel.svg);
  }
  const int rows = (count + across - 1) / across;
  const int height = top + kGap + rows * (panel_height + kPanelTitle + kGap);
  const std::string ground =
      html_element("rect", {{"width", "100%"}, {"height", "100%"}, {"fill", "var(--ground)"}}, "");
  return html_element(
             "svg",
             {{"xmlns", "http://www.w3.org/2000/svg"},
              {"viewBox", "0 0 " + std::to_string(width) + " " + std::to_string(height)},
              {"width", std::to_string(width)},
              {"height", std::to_string(height)},
              {"font-family", "system-ui, sans-serif"}},
             html_element("style", colour_style()) + ground + marker_definitions() + body) +
         "\n";
}

}  // namespace permafrost
