// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/rand_augment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "common/error.h"

namespace permafrost {
namespace rand_augment_test {

TEST(RandAugment, TextGoesBothWays) {
  const RandAugmentRule rule = parse_rand_augment("rand-m7-n4-mstd0.5-inc1", "x");
  EXPECT_EQ(rule, (RandAugmentRule{4, 7, 0.5}));
  for (const char* text : {"rand-m7-n4-mstd0.5-inc1", "rand-m9.5-n2-mstd0-inc1", "none"})
    EXPECT_EQ(to_text(parse_rand_augment(text, "x")), text);
  for (const char* text : {"rand-m7-n4-mstd0.5-inc0", "rand-m7-n4-mstd0.5", "rand", "",
                           "rand-m11-n4-mstd0.5-inc1", "rand-m7-n0-mstd0.5-inc1"})
    EXPECT_THROW(parse_rand_augment(text, "x"), InputError) << text;
}

// The arguments at the magnitude of the protocol, from the table in the reference.
TEST(RandAugment, ArgumentsAtMagnitudeSeven) {
  EXPECT_DOUBLE_EQ(argument_of(OperationKind::rotate, 7, false), 21);
  EXPECT_DOUBLE_EQ(argument_of(OperationKind::rotate, 7, true), -21);
  EXPECT_EQ(argument_of(OperationKind::posterize, 7, true), 2);
  EXPECT_EQ(argument_of(OperationKind::posterize, 10, false), 0);
  EXPECT_EQ(argument_of(OperationKind::solarize, 7, true), 77);
  EXPECT_EQ(argument_of(OperationKind::solarize_add, 7, true), 77);
  EXPECT_DOUBLE_EQ(argument_of(OperationKind::color, 7, false), 1.63);
  EXPECT_DOUBLE_EQ(argument_of(OperationKind::sharpness, 7, true), 0.37);
  EXPECT_DOUBLE_EQ(argument_of(OperationKind::brightness, 10, true), 0.1);
  EXPECT_DOUBLE_EQ(argument_of(OperationKind::shear_x, 7, true), -0.21);
  EXPECT_DOUBLE_EQ(argument_of(OperationKind::translate_y, 7, false), 0.315);
  EXPECT_DOUBLE_EQ(argument_of(OperationKind::rotate, 99, false), 30);
}

TEST(RandAugment, HalfOfTheOperationsAllKindsAlike) {
  constexpr int kDraws = 6000;
  const RandAugmentRule rule{4, 7, 0.5};
  std::map<OperationKind, int> kinds;
  int total = 0, negative = 0;
  double angles = 0, squares = 0;
  for (std::uint64_t k = 0; k < kDraws; ++k) {
    RandomStream stream({.seed = 3, .purpose = "augment.operations", .sample = k});
    for (const auto& operation : draw_operations(stream, rule)) {
      ++kinds[operation.kind];
      ++total;
      if (operation.kind != OperationKind::rotate) continue;
      negative += operation.argument < 0;
      angles += std::abs(operation.argument);
      squares += operation.argument * operation.argument;
    }
  }
  EXPECT_NEAR(total, kDraws * 2, 5 * std::sqrt(kDraws * 4 * 0.25));
  ASSERT_EQ(kinds.size(), static_cast<std::size_t>(kOperationKinds));
  const double each = kDraws * 2 / 15.0;
  for (const auto& [kind, count] : kinds) EXPECT_NEAR(count, each, 5 * std::sqrt(each));
  const double rotations = kinds[OperationKind::rotate], mean = angles / rotations;
  EXPECT_NEAR(negative / rotations, 0.5, 0.1);
  EXPECT_NEAR(mean, 21, 0.3);                                           // 3 degrees a magnitude
  EXPECT_NEAR(std::sqrt(squares / rotations - mean * mean), 1.5, 0.2);  // 0.5 magnitudes
}

TEST(RandAugment, NoneDrawsNothing) {
  RandomStream stream({.seed = 3, .purpose = "augment.operations"});
  EXPECT_TRUE(draw_operations(stream, {}).empty());
}

}  // namespace rand_augment_test
}  // namespace permafrost
