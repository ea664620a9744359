// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace permafrost {

// `text` as LaTeX shows it; en dashes, plus-minus and relations of the reports become commands.
std::string latex_escaped(const std::string& text);

// The text of a cell of a tabular: escaped, and in braces where a leading [ would be read as the
// optional argument of the line break before it.
std::string latex_cell(const std::string& text);

}  // namespace permafrost
