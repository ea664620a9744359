// SPDX-License-Identifier: Apache-2.0
#pragma once

// RandAugment (Cubuk et al. 2019) in the form that the released V-JEPA code trains probes with,
// written "rand-m7-n4-mstd0.5-inc1".
//
//   const auto rule = parse_rand_augment("rand-m7-n4-mstd0.5-inc1", "a.json:/rand_augment");
//   for (const auto& operation : draw_operations(stream, rule)) apply(operation, image);
#include <string>
#include <vector>

#include "common/random.h"
#include "datasets/augment/image_operation.h"

namespace permafrost {

struct RandAugmentRule {
  int operations = 0;      // n: drawn with replacement from the fifteen; 0: none
  double magnitude = 7;    // m, 0 to 10
  double deviation = 0.5;  // mstd: of the magnitude, normal, cut to 0..10
  bool operator==(const RandAugmentRule&) const = default;
};

// "rand-mM-nN-mstdD-inc1", or "none". Throws InputError naming `where` for anything else, inc0
// (operations whose strength does not rise with the magnitude) included.
RandAugmentRule parse_rand_augment(const std::string& text, const std::string& where);
std::string to_text(const RandAugmentRule& rule);

// Those of the drawn operations that take place (each with probability 1/2), in order, each with a
// magnitude and a sign of its own. Source: the table in timm's auto_augment.py, "increasing" list.
std::vector<ImageOperation> draw_operations(RandomStream& stream, const RandAugmentRule& rule);

// The argument of an operation at a magnitude in [0,10]; `negative` turns those with a sign round.
double argument_of(OperationKind kind, double magnitude, bool negative);

}  // namespace permafrost
