// SPDX-License-Identifier: Apache-2.0
#include "common/machine/progress.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace progress_test {

TEST(Progress, ShowsShareRateAndTimeLeft) {
  EXPECT_EQ(progress_line("encode", 250, 1000, "clips", 5.0),
            "encode 25% 250/1000 clips 50.0 clips/s 0:15 left");
  EXPECT_EQ(progress_line("encode", 1000, 1000, "clips", 8.0),
            "encode 100% 1000/1000 clips 125 clips/s in 0:08");
  EXPECT_EQ(progress_line("encode", 0, 1000, "clips", 5.0), "encode 0% 0/1000 clips");
}

TEST(Progress, WritesTimesAsClocks) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(75), "1:15");
  EXPECT_EQ(clock_text(3675), "1:01:15");
  EXPECT_EQ(clock_text(-3), "0:00");
}

TEST(Progress, DrawsNothingForNothing) {
  testing::internal::CaptureStderr();
  { Progress progress("empty", 0, "clips"); }
  { Progress progress("quiet", 10, "clips", true); }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Progress, PartsMoveTheWholeByTheirShare) {
  testing::internal::CaptureStderr();
  {
    Progress whole("all", 100, "units");
    Progress encode(whole, 40, 8), probe(whole, 60, 3);
    for (int i = 0; i < 8; ++i) encode.advance();
    probe.advance();
    probe.finish();  // early: the rest of its share follows
    probe.advance();
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("all 40% 40/100 units"), std::string::npos) << text;
  EXPECT_NE(text.find("all 60% 60/100 units"), std::string::npos) << text;
  EXPECT_NE(text.find("all 100% 100/100 units"), std::string::npos) << text;
}

}  // namespace progress_test
}  // namespace permafrost
