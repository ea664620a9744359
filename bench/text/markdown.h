// SPDX-License-Identifier: Apache-2.0
#pragma once

// Numbers and tables as Markdown that also reads well in a terminal.
#include <string>
#include <vector>

#include "bench/statistics/statistics.h"

namespace permafrost {

using TextRows = std::vector<std::vector<std::string>>;

// "5.2", with `sign` "+5.2"; never "-0.0".
std::string fixed(double value, int digits = 1, bool sign = false);

// "[3.1, 5.2]".
std::string interval_text(const Interval& ci95, bool sign = false);

// The first row is the header; columns with `right` are flushed right. All rows are as long as it.
std::string markdown_table(const TextRows& rows, const std::vector<bool>& right);

}  // namespace permafrost
