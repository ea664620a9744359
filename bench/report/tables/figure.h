// SPDX-License-Identifier: Apache-2.0
#pragma once

// A table as a picture: grouped bars with 95 % whiskers, the published numbers as diamonds, chance
// as a dashed line. Plain SVG 1.1 text, the same bytes for the same table.
#include <string>

#include "bench/report/tables/table_report.h"

namespace permafrost {

std::string to_svg(const TableModel& table);

}  // namespace permafrost
