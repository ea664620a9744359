// SPDX-License-Identifier: Apache-2.0
// Masks over frames, as the measured encoders were pretrained with them.
#include <ATen/ATen.h>

#include <map>

#include "bench/report/figures/figures.h"
#include "bench/report/figures/grid_panel.h"
#include "bench/report/figures/zoo_files.h"
#include "bench/text/markdown.h"
#include "models/pretraining/objectives/masked_prediction.h"

namespace permafrost {
namespace {

constexpr int kMostTubelets = 8;

// One sample of a batch, tubelets side by side with a column between them.
GridCells cells_of(const Mask& mask, const TokenGrid& grid, int tubelets) {
  GridCells cells(tubelets * (grid.w + 1) - 1, grid.h);
  std::vector<int> inks(static_cast<std::size_t>(grid.tokens()), kNeitherInk);
  for (const auto& [tokens, ink] :
       {std::pair{mask.context, kContextInk}, std::pair{mask.target, kTargetInk}}) {
    const at::Tensor row = tokens[0].contiguous();
    for (std::int64_t k = 0; k < row.size(0); ++k)
      inks[static_cast<std::size_t>(row.data_ptr<std::int64_t>()[k])] = ink;
  }
  for (int t = 0; t < tubelets; ++t)
    for (int h = 0; h < grid.h; ++h)
      for (int w = 0; w < grid.w; ++w)
        cells.at(t * (grid.w + 1) + w, h) =
            inks[static_cast<std::size_t>((t * grid.h + h) * grid.w + w)];
  return cells;
}

std::string frames_text(int tubelet, int frames) {
  const int first = tubelet * frames + 1;
  return frames == 1 ? "frame " + std::to_string(first)
                     : std::to_string(first) + "–" + std::to_string(first + frames - 1);
}

Panel panel_of(const MaskedPrediction& objective, std::size_t index, const Mask& mask) {
  const EncoderSpec& spec = objective.run().encoder;
  const MaskStrategy& masking = objective.keys().masking;
  const TokenGrid grid{spec.grid_t(), spec.grid_h(), spec.grid_w()};
  const int tubelets = std::min(grid.t, kMostTubelets);
  GridCells cells = cells_of(mask, grid, tubelets);
  Panel panel{.title = masking.name};
  if (masking.masks.size() > 1)
    panel.title +=
        ", mask " + std::to_string(index + 1) + " of " + std::to_string(masking.masks.size());
  const auto share = [&](const at::Tensor& tokens) {
    return fixed(100.0 * static_cast<double>(tokens.size(1)) / grid.tokens());
  };
  panel.alt = panel.title + ": " + share(mask.context) + " % of the tokens are context, " +
              share(mask.target) + " % are predicted";
  panel.height = 34 + static_cast<int>(330.0 * cells.height / cells.width);
  PlotTics tics;
  for (int t = 0; t < tubelets; ++t)
    tics.emplace_back(t * (grid.w + 1) + (grid.w - 1) / 2.0, frames_text(t, spec.tubelet));
  PlotAxis rows = grid_axis(cells.height, {});
  std::swap(rows.low, rows.high);  // the first at the top
  Plot plot(panel, {.left = 4, .right = 4, .top = 4, .bottom = 28},
            grid_axis(cells.width, std::move(tics)), rows);
  draw_cells(plot, cells, grid.h > 8, 0.04);
  panel.svg = plot.svg(panel);
  return panel;
}

}  // namespace

Figure mask_figure(const EncoderStyles& styles) {
  Figure figure{.id = "masks", .title = "Masks over frames"};
  figure.caption =
      "The first sample of the first batch of each strategy with which an encoder above was "
      "pretrained, after the truncation to the batch's shortest sample. Frames run from left to "
      "right, two a tubelet where the label says so.";
  std::map<std::string, bool> drawn;
  for (const auto& style : styles.all()) {
    if (style.floor || style.records.empty()) continue;
    std::string why_not;
    const auto encoder = zoo_encoder(*style.records[0], why_not);
    if (!encoder) {
      figure.notes.push_back(style.name + ": its masks are not drawn: " + why_not + ".");
      continue;
    }
    const auto config = pretraining_of(*encoder);
    if (!config) {
      figure.notes.push_back(style.name +
                             ": its masks are not drawn: its file does not say how it was made.");
      continue;
    }
    const MaskedPrediction* masked = masked_prediction_of(*config->objective);
    if (masked == nullptr) {
      figure.notes.push_back(style.name + ": was pretrained without masks.");
      continue;
    }
    if (!drawn.emplace(masked->keys().masking.name, true).second) continue;
    const auto masks = masked->masks_of(0);
    for (std::size_t m = 0; m < masks.size(); ++m)
      figure.panels.push_back(panel_of(*masked, m, masks[m]));
  }
  if (figure.panels.empty() && figure.notes.empty())
    figure.notes.emplace_back("Not drawn: no record names the weights of a pretrained encoder.");
  if (!figure.panels.empty())
    figure.legend = {{.ink = kContextInk, .marker = 5, .text = "context: seen by the encoder"},
                     {.ink = kTargetInk, .marker = 5, .text = "target: predicted"},
                     {.ink = kNeitherInk, .marker = 5, .text = "neither"}};
  return figure;
}

}  // namespace permafrost
