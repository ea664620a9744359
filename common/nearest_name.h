// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which valid name did the user mean?
#include <string>
#include <vector>

namespace permafrost {

// The candidate with the smallest edit distance to `name`; empty when `candidates` is empty.
std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates);

// "a, b, c" for messages.
std::string joined(const std::vector<std::string>& names, const std::string& separator = ", ");

}  // namespace permafrost
