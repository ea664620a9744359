// SPDX-License-Identifier: Apache-2.0
#pragma once

// Text as HTML: what comes from records and tables goes through html_text, tags through
// html_element, so that a page is well formed by construction and nothing in a file can become
// markup.
//
//   html_element("td", {{"class", "value"}}, html_text(cell.name))
#include <string>
#include <utility>
#include <vector>

namespace permafrost {

// Escaped for content and for attribute values in double quotes. Control characters other than tab
// and newline are left out; bytes that are not UTF-8 become U+FFFD.
std::string html_text(const std::string& text);

using HtmlAttributes = std::vector<std::pair<std::string, std::string>>;

// <name a="b">content</name>; values are escaped here, `content` is HTML.
std::string html_element(const std::string& name, const HtmlAttributes& attributes,
                         const std::string& content);
std::string html_element(const std::string& name, const std::string& content);

// A cell of a table that holds a number, aligned by the class of that name.
std::string number_cell(const std::string& text);

// <a href="href">content</a>.
std::string html_link(const std::string& href, const std::string& content);

// At most `most` characters, the last one an ellipsis where text was cut.
std::string shortened(const std::string& text, std::size_t most);

}  // namespace permafrost
