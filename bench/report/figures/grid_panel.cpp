// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/grid_panel.h"

namespace permafrost {

std::string grid_boxes(const GridCells& cells, bool join, double gap) {
  std::string lines;
  for (int y = 0; y < cells.height; ++y) {
    const int* row =
        cells.inks.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(cells.width);
    for (int x = 0; x < cells.width;) {
      int end = x + 1;
      while (join && end < cells.width && row[end] == row[x]) ++end;
      if (row[x] != 0)
        lines += plot_number((x + end - 1) / 2.0) + " " + std::to_string(y) + " " +
                 plot_number((end - x) / 2.0 - gap) + " " + plot_number(0.5 - gap) + " " +
                 std::to_string(ink_number(row[x])) + "\n";
      x = end;
    }
  }
  return lines;
}

}  // namespace permafrost
