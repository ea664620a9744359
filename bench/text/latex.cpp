// SPDX-License-Identifier: Apache-2.0
#include "bench/text/latex.h"

#include <array>
#include <utility>

namespace permafrost {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 16> kEscapes{{
    {"&", "\\&"},
    {"%", "\\%"},
    {"$", "\\$"},
    {"#", "\\#"},
    {"_", "\\_"},
    {"{", "\\{"},
    {"}", "\\}"},
    {"~", "\\textasciitilde{}"},
    {"^", "\\textasciicircum{}"},
    {"\\", "\\textbackslash{}"},
    {"<", "$<$"},
    {">", "$>$"},
    {"±", "$\\pm$"},
    {"–", "--"},
    {"ρ", "$\\rho$"},
    {"τ", "$\\tau$"},
}};

}  // namespace

std::string latex_escaped(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const char* found = nullptr;
    for (const auto& [plain, escaped] : kEscapes) {
      const std::string token = plain;
      if (text.compare(at, token.size(), token) != 0) continue;
      found = escaped;
      at += token.size();
      break;
    }
    if (found == nullptr)
      out += text[at++];
    else
      out += found;
  }
  return out;
}

std::string latex_cell(const std::string& text) {
  const std::string out = latex_escaped(text);
  return out.empty() || out[0] != '[' ? out : "{" + out + "}";
}

}  // namespace permafrost
