// SPDX-License-Identifier: Apache-2.0
#include "bench/report/tables/figure.h"

#include <algorithm>
#include <array>

#include "bench/text/svg.h"

namespace permafrost {
namespace {

// Okabe & Ito (2008): told apart with every kind of colour vision. Floors are grey.
constexpr std::array<const char*, 6> kColours{"#0072B2", "#E69F00", "#009E73",
                                              "#CC79A7", "#56B4E9", "#D55E00"};
constexpr const char* kFloorColour = "#999999";

constexpr double kLeft = 48, kTop = 46, kHeight = 240, kBar = 22, kGap = 28, kLegendLine = 18;

double y_of(double percent) { return kTop + kHeight * (1 - std::clamp(percent, 0.0, 100.0) / 100); }

std::string diamond(double x, double y) {
  const auto at = [](double px, double py) { return svg_number(px) + " " + svg_number(py); };
  return svg_path(
      "M" + at(x, y - 5) + " L" + at(x + 5, y) + " L" + at(x, y + 5) + " L" + at(x - 5, y) + " Z",
      {{"fill", "white"}, {"stroke", "black"}});
}

std::vector<std::string> colours_of(const TableModel& table) {
  std::vector<std::string> colours;
  std::size_t next = 0;
  for (const auto& row : table.spec.rows)
    colours.push_back(row.floor ? kFloorColour : kColours[next++ % kColours.size()]);
  return colours;
}

const HtmlAttributes kThin{{"stroke", "black"}};
const HtmlAttributes kDashed{{"stroke", "black"}, {"stroke-dasharray", "4 3"}};

std::string bar(const CellModel& cell, double x, const std::string& colour) {
  std::string out;
  const double middle = x + kBar / 2;
  if (cell.available()) {
    const double top = y_of(cell.repeated.mean);
    out += svg_box({.x = x + 1, .y = top, .width = kBar - 2, .height = y_of(0) - top},
                   {{"fill", colour}});
    out += svg_line({middle, y_of(cell.ci95.low)}, {middle, y_of(cell.ci95.high)}, kThin);
    for (const double end : {cell.ci95.low, cell.ci95.high})
      out += svg_line({middle - 4, y_of(end)}, {middle + 4, y_of(end)}, kThin);
  } else {
    out += svg_text({middle, y_of(0) - 4}, "n/a", {{"text-anchor", "middle"}, {"font-size", "9"}});
  }
  if (cell.paper) out += diamond(middle, y_of(*cell.paper));
  return out;
}

std::string axis(double width) {
  std::string out;
  for (int percent = 0; percent <= 100; percent += 20) {
    out += svg_line({kLeft, y_of(percent)}, {width - 12, y_of(percent)},
                    {{"stroke", percent == 0 ? "black" : "#dddddd"}});
    out +=
        svg_text({kLeft - 6, y_of(percent) + 4}, std::to_string(percent), {{"text-anchor", "end"}});
  }
  return out;
}

std::string legend(const TableModel& table, const std::vector<std::string>& colours, double top) {
  std::string out;
  double y = top;
  for (std::size_t r = 0; r < colours.size(); ++r, y += kLegendLine) {
    out += svg_box({.x = kLeft, .y = y - 10, .width = 12, .height = 12}, {{"fill", colours[r]}});
    out += svg_text({kLeft + 20, y}, table.spec.rows[r].name);
  }
  out += diamond(kLeft + 6, y - 4) +
         svg_text({kLeft + 20, y}, "the paper's number, another scale of model and data");
  y += kLegendLine;
  out += svg_line({kLeft - 2, y - 4}, {kLeft + 14, y - 4}, kDashed);
  return out + svg_text({kLeft + 20, y}, "chance; whiskers: 95 % interval over test samples");
}

// Of the columns, each once.
std::string metric_text(const TableModel& table) {
  std::string text;
  for (const auto& name : measure_names())
    if (std::any_of(table.columns.begin(), table.columns.end(),
                    [&](const ColumnModel& column) { return column.measure->name() == name; }))
      text += (text.empty() ? "" : ", ") + measure_named(name, "", "").description();
  return text;
}

}  // namespace

std::string to_svg(const TableModel& table) {
  const auto rows = static_cast<double>(table.spec.rows.size());
  const double group = rows * kBar;
  const double width = std::max(
      460.0,
      kLeft + kGap + static_cast<double>(table.columns.size()) * (std::max(group, 96.0) + kGap));
  const double height = y_of(0) + 48 + (rows + 2) * kLegendLine;
  const auto colours = colours_of(table);
  std::string body = axis(width);
  double x = kLeft + kGap / 2;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const double room = std::max(group, 96.0), start = x + (room - group) / 2;
    for (std::size_t r = 0; r < table.cells.size(); ++r)
      body += bar(table.cells[r][c], start + static_cast<double>(r) * kBar, colours[r]);
    if (const double chance = table.columns[c].chance; chance > 0)
      body += svg_line({start - 4, y_of(chance)}, {start + group + 4, y_of(chance)}, kDashed);
    body += svg_text({x + room / 2, y_of(0) + 18}, table.spec.columns[c].name,
                     {{"text-anchor", "middle"}});
    x += room + kGap;
  }
  body += legend(table, colours, y_of(0) + 48);
  const std::string measured = metric_text(table) + " in percent, suite " + table.context.suite +
                               (table.context.quick ? ", quick run" : "");
  return html_element(
             "svg",
             {{"xmlns", "http://www.w3.org/2000/svg"},
              {"width", svg_number(width)},
              {"height", svg_number(height)},
              {"font-family", "sans-serif"},
              {"font-size", "11"}},
             "\n" +
                 html_element("rect", {{"width", "100%"}, {"height", "100%"}, {"fill", "white"}},
                              "") +
                 "\n" + svg_text({kLeft, 20}, heading_of(table.spec), {{"font-size", "14"}}) +
                 svg_text({kLeft, 36}, measured) + body) +
         "\n";
}

}  // namespace permafrost
