// SPDX-License-Identifier: Apache-2.0
// The training curves of the zoo's encoders.
#include <algorithm>
#include <functional>

#include "bench/markdown.h"
#include "bench/report/figures.h"
#include "bench/report/series_panel.h"
#include "bench/report/zoo_files.h"

namespace permafrost {
namespace {

struct Run {
  const EncoderStyle* style = nullptr;
  std::vector<LogLine> lines;
};

using Quantity = std::function<std::optional<double>(const LogLine&)>;

void add_panel(Figure& figure, const std::string& title, const std::string& unit, bool log_y,
               const std::vector<Run>& runs, const Quantity& quantity) {
  Panel panel{.title = title};
  std::vector<Series> series;
  double last = 0;
  for (const auto& run : runs) {
    Series line{.ink = run.style->ink, .marker = run.style->marker};
    for (const auto& at : run.lines)
      if (const auto value = quantity(at); value && (!log_y || *value > 0))
        line.points.push_back({at.step, *value}), last = std::max(last, at.step);
    if (line.points.empty()) continue;
    line.every = std::max(1, static_cast<int>(line.points.size()) / 6);
    panel.alt += (panel.alt.empty() ? "" : "; ") + run.style->name + ": " +
                 plot_number(line.points.front().y) + " at step " +
                 plot_number(line.points.front().x) + ", " + plot_number(line.points.back().y) +
                 " at step " + plot_number(line.points.back().x);
    series.push_back(std::move(line));
  }
  add_series(panel,
             {.x_title = "step", .y_title = unit, .log_y = log_y, .x_low = 0, .x_high = last},
             series);
  if (!panel.script.text().empty()) figure.panels.push_back(std::move(panel));
}

}  // namespace

Figure training_figure(const EncoderStyles& styles) {
  Figure figure{.id = "training", .title = "Training curves"};
  figure.caption =
      "From the logs beside the encoders' weights. Losses of features and of pixels are different "
      "quantities and cannot be compared. Deviation and rank are those of the features at a batch "
      "of clips: a collapse would show as either going to nothing.";
  std::vector<Run> runs;
  for (const auto& style : styles.all()) {
    std::string why_not;
    const auto encoder = zoo_encoder(style, why_not);
    if (encoder) {
      runs.push_back({&style, read_training_log(style.name)});
      if (runs.back().lines.empty()) {
        runs.pop_back();
        why_not = "there is no log beside its weights";
      }
    }
    if (!why_not.empty()) figure.notes.push_back(style.name + " is not drawn: " + why_not + ".");
  }
  add_panel(figure, "Loss, predicting features", "loss", false, runs,
            [](const LogLine& line) { return line.predicts_features ? line.loss : std::nullopt; });
  add_panel(figure, "Loss, predicting pixels", "loss", false, runs,
            [](const LogLine& line) { return line.predicts_features ? std::nullopt : line.loss; });
  add_panel(figure, "Deviation of the features", "deviation", false, runs,
            [](const LogLine& line) { return line.feature_deviation; });
  add_panel(figure, "Effective rank of the features", "rank", false, runs,
            [](const LogLine& line) { return line.feature_rank; });
  add_panel(figure, "Gradient norm of the encoder", "norm", true, runs,
            [](const LogLine& line) { return line.gradient_norm; });
  if (!figure.panels.empty())
    for (const auto& run : runs) add_to_legend(figure.legend, legend_entry(*run.style));
  return figure;
}

}  // namespace permafrost
