// SPDX-License-Identifier: Apache-2.0
#pragma once

// Comma-separated values as RFC 4180 has them. Lists of samples that people bring are read more
// freely, in datasets/lists.
#include <string>
#include <string_view>
#include <vector>

namespace permafrost {

// In quotes where the text needs them.
std::string csv_field(std::string_view text);

// Rows of fields, parted by "\n" or "\r\n"; quoted fields may hold commas, quotes and line ends.
std::vector<std::vector<std::string>> parse_csv(std::string_view text);

}  // namespace permafrost
