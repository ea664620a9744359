// SPDX-License-Identifier: Apache-2.0
#include "bench/text/svg.h"

#include "bench/text/markdown.h"

namespace permafrost {
namespace {

HtmlAttributes joined(HtmlAttributes places, const HtmlAttributes& look) {
  places.insert(places.end(), look.begin(), look.end());
  return places;
}

}  // namespace

std::string svg_number(double value) { return fixed(value, 1); }

std::string svg_line(const SvgPoint& from, const SvgPoint& to, const HtmlAttributes& look) {
  return html_element("line",
                      joined({{"x1", svg_number(from.x)},
                              {"y1", svg_number(from.y)},
                              {"x2", svg_number(to.x)},
                              {"y2", svg_number(to.y)}},
                             look),
                      "") +
         "\n";
}

std::string svg_box(const SvgBox& box, const HtmlAttributes& look) {
  return html_element("rect",
                      joined({{"x", svg_number(box.x)},
                              {"y", svg_number(box.y)},
                              {"width", svg_number(box.width)},
                              {"height", svg_number(box.height)}},
                             look),
                      "") +
         "\n";
}

std::string svg_path(const std::string& path, const HtmlAttributes& look) {
  return html_element("path", joined({{"d", path}}, look), "") + "\n";
}

std::string svg_text(const SvgPoint& at, const std::string& text, const HtmlAttributes& look) {
  return html_element("text", joined({{"x", svg_number(at.x)}, {"y", svg_number(at.y)}}, look),
                      html_text(text)) +
         "\n";
}

}  // namespace permafrost
