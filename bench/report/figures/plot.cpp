// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/plot.h"

#include <algorithm>
#include <cmath>

#include "bench/text/svg.h"

namespace permafrost {
namespace {

constexpr double kTic = 4;        // length, pixels
constexpr double kBaseline = 4;   // from the middle of a line of text
constexpr double kFewTics = 3.5;  // at least so many steps on an axis

double share_of(const PlotAxis& axis, double value) {
  if (axis.log) return std::log(value / axis.low) / std::log(axis.high / axis.low);
  return (value - axis.low) / (axis.high - axis.low);
}

std::string stroke(double x1, double y1, double x2, double y2, int ink, double width) {
  return svg_line({x1, y1}, {x2, y2},
                  {{"stroke", ink_variable(ink)}, {"stroke-width", svg_number(width)}});
}

std::string written(double x, double y, const std::string& text, const char* anchor,
                    const std::string& turned = "") {
  HtmlAttributes look{
      {"font-size", "12"}, {"text-anchor", anchor}, {"fill", ink_variable(kTextInk)}};
  if (!turned.empty()) look.emplace_back("transform", turned);
  return svg_text({x, y}, text, look);
}

std::string on_end(double x, double y) {
  return "rotate(-90 " + svg_number(x) + " " + svg_number(y) + ")";
}

double linear_step(double low, double high) {
  const double rough = (high - low) / kFewTics;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  return rough >= 5 * power ? 5 * power : rough >= 2 * power ? 2 * power : power;
}

PlotTics tics_every(double step, double low, double high) {
  PlotTics tics;
  // + 0.0: of -0 becomes 0.
  for (double k = std::ceil(low / step - 1e-9) + 0.0; k * step <= high + 1e-9 * step; ++k)
    tics.emplace_back(k * step, plot_number(k * step));
  return tics;
}

PlotTics log_tics(double low, double high) {
  PlotTics tics;
  const int first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
  const int last = static_cast<int>(std::ceil(std::log10(high) - 1e-9));
  const int every = std::max(1, (last - first) / 5);
  const bool between = std::log10(high / low) < 2;
  for (int power = first; power <= last; power += every)
    for (const double times : {1.0, 2.0, 5.0})
      if (const double at = times * std::pow(10, power);
          (times == 1 || between) && at >= low * (1 - 1e-9) && at <= high * (1 + 1e-9))
        tics.emplace_back(at, plot_number(at));
  return tics;
}

}  // namespace

PlotTics nice_tics(double low, double high, bool log) {
  if (!(high > low)) return {{low, plot_number(low)}};
  return log ? log_tics(low, high) : tics_every(linear_step(low, high), low, high);
}

void round_to_tics(PlotAxis& axis, bool low_fixed, bool high_fixed) {
  if (!(axis.high > axis.low)) {  // one value: room beside it
    const double room = axis.low == 0 ? 1 : std::abs(axis.low) / 10;
    if (!low_fixed) axis.low -= room;
    if (!high_fixed || low_fixed) axis.high = axis.low + 2 * room;
  }
  if (!axis.log) {
    const double step = linear_step(axis.low, axis.high);
    if (!low_fixed) axis.low = std::floor(axis.low / step + 1e-9) * step;
    if (!high_fixed) axis.high = std::ceil(axis.high / step - 1e-9) * step;
    axis.tics = tics_every(step, axis.low, axis.high);
  } else {
    axis.tics = log_tics(axis.low, axis.high);
  }
}

Plot::Plot(const Panel& panel, const PlotMargins& margins, PlotAxis x, PlotAxis y)
    : width_(panel.width),
      height_(panel.height),
      margins_(margins),
      x_(std::move(x)),
      y_(std::move(y)) {
  draw_x_axis();
  draw_y_axis();
}

double Plot::x_of(double value) const {
  return margins_.left + share_of(x_, value) * (width_ - margins_.left - margins_.right);
}

double Plot::y_of(double value) const {
  return height_ - margins_.bottom -
         share_of(y_, value) * (height_ - margins_.top - margins_.bottom);
}

void Plot::draw_x_axis() {
  const double bottom = height_ - margins_.bottom, left = margins_.left,
               right = width_ - margins_.right;
  for (const auto& [value, label] : x_.tics) {
    const double x = x_of(value);
    if (x_.grid) body_ += stroke(x, bottom, x, margins_.top, kGridInk, 0.7);
    if (x_.line) body_ += stroke(x, bottom, x, bottom - kTic, kAxisInk, 1);
    if (x_.upright)
      body_ += written(x + kBaseline, bottom + 8, label, "end", on_end(x + kBaseline, bottom + 8));
    else
      body_ += written(x, bottom + 16, label, "middle");
  }
  if (x_.line) body_ += stroke(left, bottom, right, bottom, kAxisInk, 1);
  if (!x_.title.empty()) body_ += written((left + right) / 2, height_ - 8.0, x_.title, "middle");
  body_ += "\n";
}

void Plot::draw_y_axis() {
  const double bottom = height_ - margins_.bottom, left = margins_.left, top = margins_.top;
  for (const auto& [value, label] : y_.tics) {
    const double y = y_of(value);
    if (y_.grid) body_ += stroke(left, y, width_ - margins_.right, y, kGridInk, 0.7);
    if (y_.line) body_ += stroke(left, y, left + kTic, y, kAxisInk, 1);
    body_ += written(left - 8, y + kBaseline, label, "end");
  }
  if (y_.line) body_ += stroke(left, bottom, left, top, kAxisInk, 1);
  if (!y_.title.empty())
    body_ += written(14, (top + bottom) / 2, y_.title, "middle", on_end(14, (top + bottom) / 2));
  body_ += "\n";
}

void Plot::line(const std::vector<PlotPoint>& points, const PlotLine& look) {
  std::string path;
  bool drawn = false;  // whether the pen is at the point before
  for (const auto& p : points) {
    const bool known = std::isfinite(p.x) && std::isfinite(p.y);
    if (known)
      path += (path.empty() ? "" : " ") + std::string(drawn ? "L" : "M") + svg_number(x_of(p.x)) +
              "," + svg_number(y_of(p.y));
    drawn = known;
  }
  if (path.empty()) return;
  HtmlAttributes attributes{{"fill", "none"},
                            {"stroke", ink_variable(look.ink)},
                            {"stroke-width", svg_number(look.width)}};
  if (look.dashed) attributes.emplace_back("stroke-dasharray", "5 4");
  body_ += svg_path(path, attributes);
}

void Plot::marker(const PlotPoint& at, int ink, int marker, double size) {
  if (std::isfinite(at.x) && std::isfinite(at.y))
    body_ += marker_svg(x_of(at.x), y_of(at.y), ink, marker, size) + "\n";
}

void Plot::box(const PlotPoint& middle, double half_width, double half_height, int ink) {
  const double x1 = x_of(middle.x - half_width), x2 = x_of(middle.x + half_width);
  const double y1 = y_of(middle.y - half_height), y2 = y_of(middle.y + half_height);
  body_ += svg_box({.x = std::min(x1, x2),
                    .y = std::min(y1, y2),
                    .width = std::abs(x2 - x1),
                    .height = std::abs(y2 - y1)},
                   {{"fill", ink_variable(ink)}});
}

void Plot::text(const PlotPoint& at, const std::string& text, int ink) {
  body_ += svg_text({x_of(at.x), y_of(at.y) + kBaseline}, text,
                    {{"font-size", "10"}, {"text-anchor", "middle"}, {"fill", ink_variable(ink)}});
}

}  // namespace permafrost
