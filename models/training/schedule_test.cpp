// SPDX-License-Identifier: Apache-2.0
#include "models/training/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace permafrost {
namespace schedule_test {

// 300 epochs of 300 steps, warm-up of 40 epochs, schedules stretched by 1.25.
constexpr std::int64_t kLength = 112500;
constexpr LearningRate kRate{.warmup = 12000, .length = kLength};
constexpr WeightDecay kDecay{.length = kLength};
constexpr Momentum kMomentum{.length = kLength};

struct Row {
  std::int64_t step;
  double rate, decay, momentum;
};

TEST(Schedule, MatchesTheGoldenPretrainingRows) {
  constexpr Row kRows[] = {
      {1, 2.000354167e-4, 4.000000007e-2, .998000000},
      {2, 2.000708333e-4, 4.000000028e-2, .998000018},
      {6000, 4.125e-4, 4.252071333e-2, .998106649},
      {11999, 6.249645833e-4, 5.001060036e-2, .998213298},
      {12000, 6.25e-4, 5.001225336e-2, .998213316},
      {12001, 6.249999998e-4, 5.001390649e-2, .998213333},
      {45000, 4.732039484e-4, 1.643769410e-1, .998799982},
      {90000, 7.504222443e-5, 3.656230590e-1, .999599982},
  };
  for (const auto& row : kRows) {
    EXPECT_NEAR(kRate.at(row.step) / row.rate, 1, 6e-10) << row.step;
    EXPECT_NEAR(kDecay.at(row.step) / row.decay, 1, 6e-10) << row.step;
    EXPECT_NEAR(kMomentum.at(row.step - 1), row.momentum, 6e-10) << row.step;
  }
}

TEST(Schedule, MatchesTheGoldenProbeRows) {
  constexpr LearningRate kProbe{.start = 0, .peak = 1e-3, .final = 0, .warmup = 0, .length = 20000};
  constexpr WeightDecay kProbeDecay{.start = 0.01, .final = 1e-6, .length = 20000};
  EXPECT_NEAR(kProbe.at(1), 9.999999938e-4, 6e-14);
  EXPECT_NEAR(kProbe.at(1000), 9.938441703e-4, 6e-14);
  EXPECT_NEAR(kProbe.at(10000), 5e-4, 1e-15);
  EXPECT_EQ(kProbe.at(20000), 0);
  EXPECT_NEAR(kProbeDecay.at(1), 9.999999938e-3, 6e-13);
  EXPECT_NEAR(kProbeDecay.at(1000), 9.938447859e-3, 6e-13);
  EXPECT_NEAR(kProbeDecay.at(10000), 5.0005e-3, 1e-15);
  EXPECT_NEAR(kProbeDecay.at(20000), 1e-6, 1e-18);
}

TEST(Schedule, KeepsToItsEnds) {
  EXPECT_DOUBLE_EQ(kRate.at(0), kRate.start);
  EXPECT_DOUBLE_EQ(kRate.at(kRate.warmup), kRate.peak);
  EXPECT_DOUBLE_EQ(kRate.at(kLength), kRate.final);
  EXPECT_GE(kRate.at(kLength + 500), kRate.final);
  EXPECT_DOUBLE_EQ(kDecay.at(0), kDecay.start);
  EXPECT_DOUBLE_EQ(kDecay.at(kLength), kDecay.final);
  EXPECT_LE(kDecay.at(kLength + 500), kDecay.final);
  EXPECT_DOUBLE_EQ(kMomentum.at(0), kMomentum.start);
  EXPECT_DOUBLE_EQ(kMomentum.at(kLength), kMomentum.final);
}

// Three epochs of seven steps, stretched by 1.25: 26.25 updates, of which none is cut off.
TEST(Schedule, MomentumKeepsTheFractionOfItsLength) {
  constexpr Momentum kOdd{.start = 0.99, .final = 1.0, .length = 3 * 7 * 1.25};
  EXPECT_NEAR(kOdd.at(21), 0.998, 1e-15);
}

TEST(Schedule, MeasuresAnEmptyScheduleAsOneStep) {
  constexpr LearningRate kShort{.warmup = 0, .length = 0};
  EXPECT_TRUE(std::isfinite(kShort.at(1)));
  EXPECT_TRUE(std::isfinite(WeightDecay{.length = 0}.at(1)));
  EXPECT_TRUE(std::isfinite(Momentum{.length = 0}.at(0)));
}

}  // namespace schedule_test
}  // namespace permafrost
