// SPDX-License-Identifier: Apache-2.0
// Held-out accuracy over the learning rate of the probes.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "bench/report/figures/figures.h"
#include "bench/report/figures/series_panel.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

constexpr std::size_t kMostPanels = 12;

std::vector<double> numbers_of(const Json& protocol, const char* key) {
  std::vector<double> numbers;
  const auto found = protocol.find(key);
  if (found == protocol.end() || !found->is_array()) return numbers;
  for (const auto& item : *found)
    if (item.is_number() && item.get<double>() > 0) numbers.push_back(item.get<double>());
  return numbers;
}

// Held-out accuracy of every learning rate, percent: the mean over seeds and folds; of several
// weight decays the best, as the selection takes it.
struct Sweep {
  std::map<double, std::pair<double, int>> sums;  // by learning rate: sum and count

  void add(const Record& record) {
    const auto rates = numbers_of(record.protocol, "learning_rates");
    for (const auto& selection : record.selections) {
      const auto& accuracy = selection.held_out_accuracy;
      if (rates.empty() || accuracy.size() % rates.size() != 0) continue;
      for (std::size_t k = 0; !accuracy.empty() && k < rates.size(); ++k) {
        double best = 0;
        for (std::size_t at = k; at < accuracy.size(); at += rates.size())
          best = std::max(best, accuracy[at]);
        sums[rates[k]].first += 100 * best;
        ++sums[rates[k]].second;
      }
    }
  }
};

// "3e-4"
std::string rate_text(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, rate < 0.1 ? "%.1e" : "%g", rate);
  std::string out = text;
  for (const auto& [from, to] : {std::pair{".0e", "e"}, std::pair{"e-0", "e-"}})
    if (const auto at = out.find(from); at != std::string::npos)
      out.replace(at, std::string(from).size(), to);
  return out;
}

// A panel's curves, by encoder in the order of the styles.
using Curves = std::map<std::size_t, Sweep>;

std::size_t place_of(const EncoderStyles& styles, const Record& record) {
  return static_cast<std::size_t>(&styles.of(record) - styles.all().data());
}

Panel panel_of(const std::string& title, const Curves& curves, const EncoderStyles& styles) {
  Panel panel{.title = title};
  std::vector<Series> series;
  std::map<double, std::string> tics;
  for (const auto& [place, sweep] : curves) {
    const EncoderStyle& style = styles.all()[place];
    Series line{.ink = style.ink, .marker = style.marker};
    panel.alt += (panel.alt.empty() ? "" : "; ") + style.name + ":";
    for (const auto& [rate, sum] : sweep.sums) {
      line.points.push_back({rate, sum.first / sum.second});
      tics.emplace(rate, rate_text(rate));
      panel.alt += " " + fixed(sum.first / sum.second) + " at " + rate_text(rate);
    }
    series.push_back(std::move(line));
  }
  SeriesAxes axes{.x_title = "learning rate (log scale)",
                  .y_title = "held-out accuracy, %",
                  .log_x = true,
                  .y_low = 0};
  if (!tics.empty()) {
    axes.x_low = tics.begin()->first / 1.4;
    axes.x_high = tics.rbegin()->first * 1.4;
  }
  axes.x_tics.assign(tics.begin(), tics.end());
  // Twenty rates would be written over each other.
  while (axes.x_tics.size() > 6) {
    std::vector<std::pair<double, std::string>> fewer;
    for (std::size_t k = 0; k < axes.x_tics.size(); k += 2) fewer.push_back(axes.x_tics[k]);
    axes.x_tics = std::move(fewer);
  }
  add_series(panel, axes, series);
  return panel;
}

// Columns of several tables share a panel; a record that two tables show counts once.
std::vector<std::pair<std::string, Curves>> panels_of(const ResultsFolder& folder,
                                                      const EncoderStyles& styles) {
  std::vector<std::pair<std::string, Curves>> panels;
  std::set<std::string> seen;
  for (const auto& table : folder.tables)
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const std::string title = table.spec.columns[c].task + ", " + table.spec.columns[c].protocol;
      for (const auto& row : table.cells)
        for (const Record* record : records_of(folder, row[c])) {
          const bool swept = numbers_of(record->protocol, "learning_rates").size() > 1 &&
                             !record->selections.empty();
          if (!swept || !seen.insert(title + " " + record->key).second) continue;
          auto panel = std::find_if(panels.begin(), panels.end(),
                                    [&](const auto& known) { return known.first == title; });
          if (panel == panels.end()) panel = panels.insert(panels.end(), {title, {}});
          panel->second[place_of(styles, *record)].add(*record);
        }
    }
  return panels;
}

}  // namespace

Figure sweep_figure(const ResultsFolder& folder, const EncoderStyles& styles) {
  Figure figure{.id = "sweep", .title = "Learning rates of the probes"};
  figure.caption =
      "Accuracy on the held-out part of the training side, on which the candidate is chosen; the "
      "mean over seeds and folds, of several weight decays the best. The test side is not in it. A "
      "curve that still rises at its end says that the range was too narrow.";
  const auto panels = panels_of(folder, styles);
  for (const auto& [title, curves] : panels) {
    if (figure.panels.size() == kMostPanels) break;
    Panel panel = panel_of(title, curves, styles);
    if (panel.svg.empty()) continue;
    figure.panels.push_back(std::move(panel));
    for (const auto& [place, sweep] : curves)
      add_to_legend(figure.legend, legend_entry(styles.all()[place]));
  }
  if (panels.size() > kMostPanels)
    figure.notes.push_back(std::to_string(panels.size() - kMostPanels) +
                           " more sweeps are not drawn; their numbers are in the records.");
  if (figure.panels.empty())
    figure.notes.emplace_back("Not drawn: no record holds a sweep over several learning rates.");
  return figure;
}

}  // namespace permafrost
