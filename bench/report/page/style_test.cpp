// SPDX-License-Identifier: Apache-2.0
#include "bench/report/page/style.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>
#include <string>

namespace permafrost {
namespace style_test {

// Relative luminance and contrast of WCAG 2.1.
double luminance(const std::string& hex) {
  const double weights[] = {0.2126, 0.7152, 0.0722};
  double sum = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double c = std::stoi(hex.substr(1 + 2 * k, 2), nullptr, 16) / 255.0;
    sum += weights[k] * (c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4));
  }
  return sum;
}

double contrast(const std::string& a, const std::string& b) {
  const double x = luminance(a), y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

TEST(Style, IsReadableInLightAndDark) {
  const std::string style = report_style();
  const std::regex block(":root \\{([^}]*)\\}"), colour("--([a-z0-9-]+): (#[0-9a-f]{6})");
  int blocks = 0;
  for (std::sregex_iterator it(style.begin(), style.end(), block), none; it != none; ++it) {
    const std::string body = (*it)[1];
    std::map<std::string, std::string> colours;
    for (std::sregex_iterator c(body.begin(), body.end(), colour); c != none; ++c)
      colours[(*c)[1]] = (*c)[2];
    ++blocks;
    const auto expect = [&](const std::string& text, const std::string& ground, double least) {
      EXPECT_GE(contrast(colours.at(text), colours.at(ground)), least)
          << text << " on " << ground << ", block " << blocks;
    };
    for (const char* text : {"text", "quiet", "link"})
      for (const char* ground : {"ground", "panel", "warn-ground"}) expect(text, ground, 4.5);
    for (const char* text : {"good", "bad", "open", "warn"})
      expect(text, std::string(text) + "-ground", 4.5);
    for (int k = 0; k < 11; ++k)
      expect(k < 5 ? "text" : "on-heat", "heat-" + std::to_string(k), 4.5);
    for (int k = 0; k < 8; ++k) expect("encoder-" + std::to_string(k), "ground", 3);
    for (const char* mark : {"floor", "axis", "context", "target", "focus"})
      expect(mark, "ground", 3);
  }
  EXPECT_EQ(blocks, 2);
}

}  // namespace style_test
}  // namespace permafrost
