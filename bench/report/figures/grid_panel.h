// SPDX-License-Identifier: Apache-2.0
#pragma once

// Squares of a few colours: masks and confusion matrices.
#include <vector>

#include "bench/report/figures/plot.h"

namespace permafrost {

struct GridCells {
  int width = 0, height = 0;
  std::vector<int> inks;  // [height,width], from the top; 0: nothing is drawn

  GridCells(int w, int h)
      : width(w), height(h), inks(static_cast<std::size_t>(w) * static_cast<std::size_t>(h)) {}
  int& at(int x, int y) {
    return inks[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                static_cast<std::size_t>(x)];
  }
};

// The ink of a number that stands on the heat ink of that number, counted from 0.
int ink_on_heat(int heat);

// A box of each; equal neighbours of a row are one where `join`. `gap` is left free around a box,
// in squares.
void draw_cells(Plot& plot, const GridCells& cells, bool join, double gap);
// An axis over `squares` of them, without a line: numbered from 0.
PlotAxis grid_axis(int squares, PlotTics tics);

}  // namespace permafrost
