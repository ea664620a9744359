// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/rand_augment.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <regex>

#include "common/error.h"

namespace permafrost {
namespace {

// The shortest text that reads back as the number: "0.5", "7".
std::string short_text(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

}  // namespace

RandAugmentRule parse_rand_augment(const std::string& text, const std::string& where) {
  if (text == "none") return {};
  static const std::regex kForm(
      R"(rand-m(\d{1,2}(?:\.\d{1,3})?)-n(\d{1,2})-mstd(\d{1,2}(?:\.\d{1,3})?)-inc1)");
  std::smatch match;
  if (!std::regex_match(text, match, kForm))
    throw InputError(where, "", "\"none\" or a text such as \"rand-m7-n4-mstd0.5-inc1\"",
                     quoted(text));
  const RandAugmentRule rule{std::stoi(match[2]), std::stod(match[1]), std::stod(match[3])};
  if (rule.operations < 1 || rule.magnitude > 10)
    throw InputError(where, "", "at least one operation (n) and a magnitude (m) of at most 10",
                     quoted(text));
  return rule;
}

std::string to_text(const RandAugmentRule& rule) {
  if (rule.operations == 0) return "none";
  return "rand-m" + short_text(rule.magnitude) + "-n" + std::to_string(rule.operations) + "-mstd" +
         short_text(rule.deviation) + "-inc1";
}

double argument_of(OperationKind kind, double magnitude, bool negative) {
  const double m = std::clamp(magnitude, 0.0, 10.0), sign = negative ? -1 : 1;
  switch (kind) {
    case OperationKind::auto_contrast:
    case OperationKind::equalize:
    case OperationKind::invert:
      return 0;
    case OperationKind::rotate:
      return sign * 30 * (m / 10);
    case OperationKind::posterize:
      return 4 - static_cast<int>(m / 10 * 4);
    case OperationKind::solarize:
      return 256 - static_cast<int>(m / 10 * 256);
    case OperationKind::solarize_add:
      return static_cast<int>(m / 10 * 110);
    case OperationKind::color:
    case OperationKind::contrast:
    case OperationKind::brightness:
    case OperationKind::sharpness:
      return std::max(0.1, 1 + sign * 0.9 * (m / 10));
    case OperationKind::shear_x:
    case OperationKind::shear_y:
      return sign * 0.3 * (m / 10);
    case OperationKind::translate_x:
    case OperationKind::translate_y:
      return sign * 0.45 * (m / 10);
  }
  return 0;
}

std::vector<ImageOperation> draw_operations(RandomStream& stream, const RandAugmentRule& rule) {
  std::vector<ImageOperation> operations;
  for (int k = 0; k < rule.operations; ++k) {
    // Every operation takes the same number of draws, whatever becomes of it.
    const auto kind = static_cast<OperationKind>(stream.integer(kOperationKinds));
    const bool skipped = stream.uniform() < 0.5F;
    const double magnitude = rule.magnitude + rule.deviation * double{stream.normal()};
    const bool negative = stream.uniform() < 0.5F;
    if (!skipped) operations.push_back({kind, argument_of(kind, magnitude, negative)});
  }
  return operations;
}

}  // namespace permafrost
