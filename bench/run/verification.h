// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whether records hold: a random share of the cells that were taken from records is computed once
// more, apart from them, and compared.
#include <cstdint>
#include <string>
#include <vector>

#include "bench/run/plan.h"
#include "bench/run/runner.h"

namespace permafrost {

// Computes `share` (0 to 1) of the cells that are done and reused, at least one where there is one,
// drawn by the seed of the run and their keys. The plan is as before afterwards; records go to a
// folder below options.out that is removed.
std::vector<VerifiedCell> verify_cells(const TablesOptions& options, const Suite& suite, Plan& plan,
                                       double share);

// "motion, ...: recorded 61.3 [58.2, 64.4], computed 61.3: the same 1000 answers": a line a cell.
std::string to_text(const VerifiedCell& cell);

OrderedJson to_json(const std::vector<VerifiedCell>& cells);

}  // namespace permafrost
