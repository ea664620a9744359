// SPDX-License-Identifier: Apache-2.0
#pragma once

// permafrost inspect of a pack.
#include <string>

#include "bench/app/command_line.h"

namespace permafrost {

// Prints what is in it; its frames are not read (`data check` does). Throws InputError for damage.
int inspect_pack(const CommonOptions& common, const std::string& folder);

}  // namespace permafrost
