// SPDX-License-Identifier: Apache-2.0
#pragma once

// Squares of a few colours: masks and confusion matrices.
#include <vector>

#include "bench/report/figures/panel.h"

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

// Lines of data for gnuplot's boxxyerror with a colour of its own a box ("x y dx dy colour"); equal
// neighbours of a row are one box where `join`. `gap` is left free around a box.
std::string grid_boxes(const GridCells& cells, bool join, double gap);

}  // namespace permafrost
