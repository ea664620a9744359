// SPDX-License-Identifier: Apache-2.0
#pragma once

// Several labels a sample, as lists write them (ManifestOptions::multi_label).
//
//   labels_of_cell("3;7")                                        // {"3", "7"}
//   labels_of_cell("c092 11.90 21.20;c147 0.00 12.60")           // {"c092", "c147"}
//   labels_of_cell("riding a horse|waving")                      // {"riding a horse", "waving"}
#include <string>
#include <string_view>
#include <vector>

namespace permafrost {

// The labels of one field of a line: parted by ";" or "|", else by commas, else by blanks if all
// are whole numbers; anything else is one name. Charades' times behind a class (in seconds) are
// left out, since a label holds of the whole sample. Nothing, "[]" and blanks are no label.
std::vector<std::string> labels_of_cell(std::string_view cell);

}  // namespace permafrost
