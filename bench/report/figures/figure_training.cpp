// SPDX-License-Identifier: Apache-2.0
// The training curves of the zoo's encoders.
#include <algorithm>
#include <functional>

#include "bench/report/figures/figures.h"
#include "bench/report/figures/series_panel.h"
#include "bench/report/figures/zoo_files.h"
#include "bench/text/markdown.h"

namespace permafrost {
namespace {

struct Run {
  const EncoderStyle* style = nullptr;
  std::string name;
  std::vector<LogLine> lines;
};

// Every pretraining of every encoder that has a log; `notes` say which have none.
std::vector<Run> runs_of(const EncoderStyles& styles, std::vector<std::string>& notes) {
  std::vector<Run> runs;
  for (const auto& style : styles.all()) {
    if (style.floor) continue;
    if (style.records.empty())
      notes.push_back(style.name + " is not drawn: no record names its weights.");
    for (const Record* record : style.records) {
      std::string why_not;
      Run run{&style, record->encoder.name, {}};
      if (zoo_encoder(*record, why_not)) {
        run.lines = read_training_log(zoo_name_of(record->encoder));
        if (run.lines.empty()) why_not = "there is no log beside its weights";
      }
      if (why_not.empty())
        runs.push_back(std::move(run));
      else
        notes.push_back(run.name + " is not drawn: " + why_not + ".");
    }
  }
  return runs;
}

using Quantity = std::function<std::optional<double>(const LogLine&)>;

Quantity loss_where(Predicts wanted) {
  return
      [wanted](const LogLine& line) { return line.predicts == wanted ? line.loss : std::nullopt; };
}

void add_panel(Figure& figure, const std::string& title, bool log_y, const std::vector<Run>& runs,
               const Quantity& quantity) {
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
    panel.alt += (panel.alt.empty() ? "" : "; ") + run.name + ": " +
                 plot_number(line.points.front().y) + " at step " +
                 plot_number(line.points.front().x) + ", " + plot_number(line.points.back().y) +
                 " at step " + plot_number(line.points.back().x);
    series.push_back(std::move(line));
  }
  add_series(panel, {.x_title = "step", .log_y = log_y, .x_low = 0, .x_high = last}, series);
  if (!panel.svg.empty()) figure.panels.push_back(std::move(panel));
}

}  // namespace

Figure training_figure(const EncoderStyles& styles) {
  Figure figure{.id = "training", .title = "Training curves"};
  figure.caption =
      "From the logs beside the encoders' weights. Losses of different targets are different "
      "quantities and cannot be compared. Deviation and rank are those of the features at a batch "
      "of clips: a collapse would show as either going to nothing.";
  const std::vector<Run> runs = runs_of(styles, figure.notes);
  add_panel(figure, "Loss, predicting features", false, runs, loss_where(Predicts::features));
  add_panel(figure, "Loss, predicting pixels", false, runs, loss_where(Predicts::pixels));
  if (std::any_of(runs.begin(), runs.end(),
                  [](const Run& run) { return run.lines.front().predicts == Predicts::noise; }))
    add_panel(figure, "Loss, denoising", false, runs, loss_where(Predicts::noise));
  add_panel(figure, "Deviation of the features", false, runs,
            [](const LogLine& line) { return line.feature_deviation; });
  add_panel(figure, "Effective rank of the features", false, runs,
            [](const LogLine& line) { return line.feature_rank; });
  add_panel(figure, "Gradient norm of the encoder", true, runs,
            [](const LogLine& line) { return line.gradient_norm; });
  if (!figure.panels.empty())
    for (const auto& run : runs) add_to_legend(figure.legend, legend_entry(*run.style));
  return figure;
}

}  // namespace permafrost
