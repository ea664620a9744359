// SPDX-License-Identifier: Apache-2.0
// permafrost masks: what a masking strategy keeps and asks for, as figures and as a picture.
#include <ATen/ATen.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "common/error.h"
#include "common/files/png.h"
#include "models/pretraining/masking/masking.h"

namespace permafrost {
namespace {

struct MasksCommand {
  std::string strategy = "multiblock", png;
  bool stats = false;
  std::vector<int> grid{4, 6, 6};
  int batch = 24;
};

struct Shares {
  double context = 0, target = 0;  // of all tokens, after the truncation
};

Shares mean_shares(const MaskStrategy& strategy, std::size_t mask, const TokenGrid& grid, int batch,
                   std::uint64_t seed) {
  constexpr int kBatches = 200;
  Shares shares;
  for (int step = 0; step < kBatches; ++step) {
    const Mask drawn =
        draw_masks(strategy, grid, batch, seed, static_cast<std::uint64_t>(step)).at(mask);
    shares.context += static_cast<double>(drawn.context.size(1)) / grid.tokens() / kBatches;
    shares.target += static_cast<double>(drawn.target.size(1)) / grid.tokens() / kBatches;
  }
  return shares;
}

// One sample, frames side by side: '#' context, '?' target, '.' neither (cut off by the batch).
std::string picture(const Mask& mask, const TokenGrid& grid) {
  std::string cells(static_cast<std::size_t>(grid.tokens()), '.');
  for (const auto& [rows, mark] : {std::pair{mask.context, '#'}, std::pair{mask.target, '?'}})
    for (std::int64_t k = 0; k < rows.size(1); ++k)
      cells[static_cast<std::size_t>(rows[0][k].item<std::int64_t>())] = mark;
  std::string out;
  for (int h = 0; h < grid.h; ++h) {
    for (int t = 0; t < grid.t; ++t)
      out += cells.substr(static_cast<std::size_t>((t * grid.h + h) * grid.w),
                          static_cast<std::size_t>(grid.w)) +
             "  ";
    out += "\n";
  }
  return out;
}

// Rows of masks, columns of tubelets; context white, target orange, neither black.
Image image_of(const std::vector<Mask>& masks, const TokenGrid& grid) {
  constexpr int kCell = 8, kGap = 4;
  Image image((grid.w * kCell + kGap) * grid.t + kGap,
              (grid.h * kCell + kGap) * static_cast<int>(masks.size()) + kGap, 90);
  for (std::size_t m = 0; m < masks.size(); ++m) {
    const std::string cells = picture(masks[m], grid);
    for (int t = 0; t < grid.t; ++t)
      for (int h = 0; h < grid.h; ++h)
        for (int w = 0; w < grid.w; ++w) {
          const auto line = static_cast<std::size_t>(h * (grid.t * (grid.w + 2) + 1));
          const char mark = cells[line + static_cast<std::size_t>(t * (grid.w + 2) + w)];
          image.fill(kGap + t * (grid.w * kCell + kGap) + w * kCell,
                     kGap + static_cast<int>(m) * (grid.h * kCell + kGap) + h * kCell, kCell - 1,
                     kCell - 1,
                     mark == '#'   ? Image::Colour{255, 255, 255}
                     : mark == '?' ? Image::Colour{235, 140, 40}
                                   : Image::Colour{0, 0, 0});
        }
  }
  return image;
}

int run(const CommonOptions& common, const MasksCommand& command) {
  if (command.grid.size() != 3 || command.grid[0] < 1 || command.grid[1] < 1 || command.grid[2] < 1)
    throw InputError("--grid", "", "three sizes T,H,W of at least 1", "something else");
  const TokenGrid grid{command.grid[0], command.grid[1], command.grid[2]};
  const MaskStrategy strategy = mask_strategy_of(command.strategy, "--strategy");
  const auto drawn = draw_masks(strategy, grid, command.batch, common.seed, 0);
  if (!command.png.empty()) write_png(command.png, image_of(drawn, grid));
  Json report = Json::array();
  for (std::size_t m = 0; m < drawn.size(); ++m) {
    const Shares shares = command.stats || common.json
                              ? mean_shares(strategy, m, grid, command.batch, common.seed)
                              : Shares{};
    report.push_back({{"mask", m}, {"context", shares.context}, {"target", shares.target}});
    if (common.json) continue;
    std::printf("mask %zu of %s, %d x %d x %d tokens (# context, ? target, . neither)\n%s", m,
                strategy.name.c_str(), grid.t, grid.h, grid.w, picture(drawn[m], grid).c_str());
    if (command.stats)
      std::printf("mean over 200 batches of %d: context %.3f, target %.3f of the tokens\n",
                  command.batch, shares.context, shares.target);
  }
  if (common.json) std::printf("%s\n", json_text(report).c_str());
  return 0;
}

}  // namespace

void add_masks(CommandLine& line) {
  const auto command = std::make_shared<MasksCommand>();
  CLI::App* sub = line.add("masks", "show a masking strategy",
                           [&line, command] { return run(line.common(), *command); });
  sub->add_option("--strategy", command->strategy,
                  "multiblock, causal_multiblock(FRAMES), random_tube(RATIO), or JSON")
      ->capture_default_str();
  sub->add_option("--png", command->png, "picture file");
  sub->add_flag("--stats", command->stats, "mean shares over many batches");
  sub->add_option("--grid", command->grid, "tokens over time, height and width, with commas: 4,6,6")
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--batch", command->batch, "samples of a batch")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
}

}  // namespace permafrost
