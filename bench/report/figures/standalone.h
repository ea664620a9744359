// SPDX-License-Identifier: Apache-2.0
#pragma once

// A figure as an SVG file of its own, light or dark by the reader's preference like the page.
#include <string>

#include "bench/report/figures/panel.h"

namespace permafrost {

// Title, legend, and the panels in rows of at most `columns`; the caption is left to whoever shows
// the file.
std::string standalone_svg(const Figure& figure, int columns = 3);

}  // namespace permafrost
