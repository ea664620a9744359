// SPDX-License-Identifier: Apache-2.0
#pragma once

// What stands under a table: verdicts, the rank correlation with the paper, and how to read both.
#include <cstdint>
#include <string>
#include <vector>

#include "bench/report/tables/table_report.h"

namespace permafrost {

std::string claims_markdown(const TableModel& table);  // empty where there is no claim
std::string ranks_markdown(const TableModel& table);   // empty where no column has a correlation
std::vector<std::string> claim_notes(const TableModel& table);
std::string margin_text(const Finding& finding);  // " (±3.0)", " (margin 4.0)", else empty
std::string p_text(double p);                     // three digits, "<0.001" below
// A number of samples in two digits, rounded up: it is an estimate.
std::string about(std::int64_t count);
std::string claims_latex(const TableModel& table);  // a table of its own, and the correlations

}  // namespace permafrost
