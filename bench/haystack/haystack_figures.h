// SPDX-License-Identifier: Apache-2.0
#pragma once

// Figures of a haystack, as SVG files of their own.
#include <string>

#include "bench/haystack/haystack_files.h"
#include "bench/report/figures/panel.h"

namespace permafrost {

// Accuracy of the reading `attention` over depth and length: a panel an encoder.
Figure haystack_grid(const HaystackDocument& document);
// Accuracy over length, a line a reading, a panel an encoder; core seconds and peak memory over
// length where there are costs.
Figure haystack_curves(const HaystackDocument& document);

}  // namespace permafrost
