// SPDX-License-Identifier: Apache-2.0
#include "bench/text/html.h"

#include <cstdint>

namespace permafrost {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";

// Bytes of the UTF-8 sequence at `at`; 0 where there is none (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF).
std::size_t sequence_at(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t k) {
    return at + k < text.size() ? static_cast<std::uint8_t>(text[at + k]) : std::uint8_t{0};
  };
  const std::uint8_t first = byte(0), second = byte(1);
  const auto follows = [](std::uint8_t b) { return (b & 0xC0) == 0x80; };
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(second) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool fits =
        (first != 0xE0 || second >= 0xA0) && (first != 0xED || second < 0xA0) && follows(second);
    return fits && follows(byte(2)) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool fits =
        (first != 0xF0 || second >= 0x90) && (first != 0xF4 || second < 0x90) && follows(second);
    return fits && follows(byte(2)) && follows(byte(3)) ? 4 : 0;
  }
  return 0;
}

std::string one_byte(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      break;
  }
  const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  return control && c != '\n' && c != '\t' ? std::string() : std::string(1, c);
}

}  // namespace

std::string html_text(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = sequence_at(text, at);
    if (size == 0)
      out += kReplacement;
    else if (size == 1)
      out += one_byte(text[at]);
    else
      out.append(text, at, size);
    at += size == 0 ? 1 : size;
  }
  return out;
}

std::string html_element(const std::string& name, const HtmlAttributes& attributes,
                         const std::string& content) {
  std::string out = "<" + name;
  for (const auto& [key, value] : attributes) out += " " + key + "=\"" + html_text(value) + "\"";
  return out + ">" + content + "</" + name + ">";
}

std::string html_element(const std::string& name, const std::string& content) {
  return html_element(name, {}, content);
}

std::string number_cell(const std::string& text) {
  return html_element("td", {{"class", "number"}}, html_text(text));
}

std::string html_link(const std::string& href, const std::string& content) {
  return html_element("a", {{"href", href}}, content);
}

std::string shortened(const std::string& text, std::size_t most) {
  std::size_t characters = 0, cut = 0;
  for (std::size_t at = 0; at < text.size(); ++characters) {
    if (characters + 1 == most) cut = at;
    const std::size_t size = sequence_at(text, at);
    at += size == 0 ? 1 : size;
  }
  return characters <= most ? text : text.substr(0, cut) + "…";
}

}  // namespace permafrost
