// SPDX-License-Identifier: Apache-2.0
#pragma once

// Elements of SVG, for every drawing of the program: figures of the page and tableN.svg. Places and
// lengths are pixels and are written with one decimal; texts and attribute values are escaped.
//
//   svg_line({.x = 48, .y = 20}, {.x = 48, .y = 200}, {{"stroke", "black"}})
#include <string>

#include "bench/text/html.h"

namespace permafrost {

struct SvgPoint {
  double x = 0, y = 0;
};

struct SvgBox {
  double x = 0, y = 0, width = 0, height = 0;
};

// "12.0"; never "-0.0".
std::string svg_number(double value);

std::string svg_line(const SvgPoint& from, const SvgPoint& to, const HtmlAttributes& look);
std::string svg_box(const SvgBox& box, const HtmlAttributes& look);
std::string svg_path(const std::string& path, const HtmlAttributes& look);
// `at` is on the base line, where `look` says "text-anchor": its beginning unless it says so.
std::string svg_text(const SvgPoint& at, const std::string& text, const HtmlAttributes& look = {});

}  // namespace permafrost
