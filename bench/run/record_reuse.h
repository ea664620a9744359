// SPDX-License-Identifier: Apache-2.0
#pragma once

// What lies under --out already: records that are taken in the place of computing, and which places
// of tables they say that they fill.
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bench/run/plan.h"

namespace permafrost {

// Of the records under `out` that no cell of the plan has: says that `tables` no longer show them,
// as with other weights of an encoder, another suite or fewer samples. One that no table shows is
// said to stand for itself, as those of `permafrost probe` do.
void release_records(const Plan& plan, const std::vector<TableSpec>& tables,
                     const std::filesystem::path& out);

// Takes what has a valid record under `out`, and its heads where they are asked for; tells `notice`
// about each record that is there but not valid. What is elsewhere is left alone. Records learn
// which places of `tables` show them now, and no longer claim others of these, unless `look_only`.
void take_records(Plan& plan, const std::vector<TableSpec>& tables,
                  const std::filesystem::path& out, bool with_heads,
                  const std::function<void(const std::string&)>& notice, bool look_only = false);

}  // namespace permafrost
