// SPDX-License-Identifier: Apache-2.0
#pragma once

// The style sheet of the report: light and dark by the reader's preference, no fonts or files from
// elsewhere. Texts reach a contrast of 4.5 to their ground, marks of figures 3.
#include <string>

namespace permafrost {

std::string report_style();
// Its colours alone, for drawings outside of the page.
std::string colour_style();

}  // namespace permafrost
