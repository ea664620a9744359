// SPDX-License-Identifier: Apache-2.0
// A comparison as Markdown, JSON and JUnit XML.
#include <algorithm>

#include "bench/records/build_info.h"
#include "bench/records/comparison.h"
#include "bench/text/html.h"
#include "bench/text/markdown.h"
#include "common/json/json_fields.h"

namespace permafrost {
namespace {

std::string p_text(const std::optional<double>& p) {
  if (!p) return "";
  return *p < 0.001 ? "<0.001" : fixed(*p, 3);
}

std::string number_text(const std::optional<double>& value) { return value ? fixed(*value) : "–"; }

bool compared(const ComparedCell& cell) { return cell.baseline && cell.candidate; }

std::string verdict_text(const Comparison& comparison, const ComparedCell& cell) {
  const std::string name = name_of(cell.outcome);
  return comparison.is_regression(cell) ? "**" + name + "**" : name;
}

std::string summary(const Comparison& comparison) {
  std::string text = comparison.regression() ? "Regression" : "No regression";
  text += ": of " + std::to_string(comparison.cells.size()) + " cells";
  std::string parts;
  for (const auto outcome : {CellOutcome::same, CellOutcome::within, CellOutcome::risen,
                             CellOutcome::fallen, CellOutcome::missing, CellOutcome::added}) {
    const std::size_t count = comparison.count(outcome);
    if (count > 0) parts += ", " + std::to_string(count) + " " + name_of(outcome);
  }
  return text + parts + ".";
}

std::vector<std::string> notes_of(const Comparison& comparison) {
  const auto& cells = comparison.cells;
  const auto uses = [&](ComparisonMethod method) {
    return std::any_of(cells.begin(), cells.end(), [&](const ComparedCell& cell) {
      return compared(cell) && cell.method == method;
    });
  };
  std::vector<std::string> notes{
      "Fallen: lost more than the tolerance of " + fixed(comparison.options.tolerance) +
      " points, and the loss is no chance (adjusted p below 0.05; Holm over all cells). Within: "
      "changed, but not both."};
  if (uses(ComparisonMethod::mcnemar))
    notes.push_back(
        "McNemar: exact test of the samples that only one side has right; [low, high] is a paired "
        "95 % bootstrap over test samples.");
  if (uses(ComparisonMethod::paired_bootstrap))
    notes.push_back("Paired bootstrap: over whole groups of test samples.");
  if (uses(ComparisonMethod::intervals))
    notes.push_back(
        "Intervals: samples could not be paired; the change is real where its interval, from both "
        "sides' own, does not hold 0.");
  const auto others = std::count_if(cells.begin(), cells.end(),
                                    [](const ComparedCell& cell) { return cell.other_weights; });
  if (others > 0)
    notes.push_back(std::to_string(others) +
                    " cells have other encoder weights than the baseline.");
  if (comparison.count(CellOutcome::missing) > 0)
    notes.push_back(comparison.options.allow_missing
                        ? "Cells that are missing from the candidate are allowed (--allow-missing)."
                        : "Cells that are missing from the candidate are regressions "
                          "(--allow-missing lets them pass).");
  return notes;
}

// For an attribute of JUnit's XML, whose readers would make spaces of line breaks.
std::string attribute_text(const std::string& text) {
  std::string out;
  for (const char c : html_text(text)) out += c == '\n' ? std::string("&#10;") : std::string(1, c);
  return out;
}

std::string sentence(const ComparedCell& cell) {
  if (!cell.candidate)
    return "in the baseline (" + fixed(*cell.baseline) + "), not in the candidate";
  if (!cell.baseline) return "not in the baseline";
  std::string text = fixed(*cell.baseline) + " to " + fixed(*cell.candidate) + ", " +
                     fixed(cell.change, 1, true) + " points " + interval_text(cell.ci95, true);
  if (cell.p_adjusted) text += ", p = " + p_text(cell.p_adjusted);
  return text + " (" + name_of(cell.method) + ")";
}

}  // namespace

std::string to_markdown(const Comparison& comparison) {
  TextRows rows{{"cell", "", "baseline", "candidate", "change", "95 % interval", "p", "by", ""}};
  std::string before;
  for (const auto& cell : comparison.cells) {
    const bool both = compared(cell);
    rows.push_back({cell.group == before ? "" : cell.group, cell.name, number_text(cell.baseline),
                    number_text(cell.candidate), both ? fixed(cell.change, 1, true) : "",
                    both ? interval_text(cell.ci95, true) : "", p_text(cell.p_adjusted),
                    both ? name_of(cell.method) : "", verdict_text(comparison, cell)});
    before = cell.group;
  }
  std::string text =
      "## Comparison with the baseline\n\n" + summary(comparison) + "\n\n" +
      markdown_table(rows, {false, false, true, true, true, true, true, false, false}) + "\n";
  for (const auto& note : notes_of(comparison)) text += "- " + note + "\n";
  return text;
}

OrderedJson to_json(const Comparison& comparison) {
  OrderedJson cells = OrderedJson::array();
  for (const auto& cell : comparison.cells) {
    OrderedJson json{{"group", cell.group},
                     {"name", cell.name},
                     {"outcome", name_of(cell.outcome)},
                     {"regression", comparison.is_regression(cell)},
                     {"baseline", number_or_null(cell.baseline)},
                     {"candidate", number_or_null(cell.candidate)}};
    if (compared(cell)) {
      json["change"] = cell.change;
      json["ci95_over_samples"] = {cell.ci95.low, cell.ci95.high};
      json["method"] = name_of(cell.method);
      json["p"] = number_or_null(cell.p);
      json["p_holm"] = number_or_null(cell.p_adjusted);
      if (cell.method != ComparisonMethod::intervals)
        json["only_right"] = {{"candidate", cell.discordance.only_first},
                              {"baseline", cell.discordance.only_second}};
      json["other_weights"] = cell.other_weights;
    }
    json["records"] = {{"baseline", cell.baseline_key}, {"candidate", cell.candidate_key}};
    cells.push_back(json);
  }
  OrderedJson json;
  json["schema"] = "permafrost.comparison.1";
  json["regression"] = comparison.regression();
  json["tolerance"] = comparison.options.tolerance;
  json["allow_missing"] = comparison.options.allow_missing;
  json["cells"] = cells;
  json["build"] = {{"version", build_info().version}, {"commit", build_info().commit}};
  return json;
}

std::string to_junit(const Comparison& comparison) {
  const auto failures =
      std::count_if(comparison.cells.begin(), comparison.cells.end(),
                    [&](const ComparedCell& cell) { return comparison.is_regression(cell); });
  const std::string counts = " tests=\"" + std::to_string(comparison.cells.size()) +
                             "\" failures=\"" + std::to_string(failures) + "\"";
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" + counts +
                     ">\n<testsuite name=\"permafrost compare\"" + counts +
                     " errors=\"0\" skipped=\"0\">\n";
  for (const auto& cell : comparison.cells) {
    text += "<testcase classname=\"" + attribute_text(cell.group) + "\" name=\"" +
            attribute_text(cell.name) + "\">";
    if (comparison.is_regression(cell))
      text += "<failure type=\"" + std::string(name_of(cell.outcome)) + "\" message=\"" +
              attribute_text(sentence(cell)) + "\"/>";
    else
      text += "<system-out>" + attribute_text(sentence(cell)) + "</system-out>";
    text += "</testcase>\n";
  }
  return text + "</testsuite>\n</testsuites>\n";
}

}  // namespace permafrost
