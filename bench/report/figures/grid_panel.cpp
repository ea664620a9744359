// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/grid_panel.h"

namespace permafrost {

void draw_cells(Plot& plot, const GridCells& cells, bool join, double gap) {
  for (int y = 0; y < cells.height; ++y) {
    const int* row =
        cells.inks.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(cells.width);
    for (int x = 0; x < cells.width;) {
      int end = x + 1;
      while (join && end < cells.width && row[end] == row[x]) ++end;
      if (row[x] != 0)
        plot.box({(x + end - 1) / 2.0, static_cast<double>(y)}, (end - x) / 2.0 - gap, 0.5 - gap,
                 row[x]);
      x = end;
    }
  }
}

int ink_on_heat(int heat) {
  constexpr int kDark = 5;
  return heat < kDark ? kTextInk : kOnHeatInk;
}

PlotAxis grid_axis(int squares, PlotTics tics) {
  return {
      .low = -0.5, .high = squares - 0.5, .tics = std::move(tics), .line = false, .grid = false};
}

}  // namespace permafrost
