// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/encoding_clock.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace permafrost {
namespace encoding_clock_test {

using Phase = EncodingClock::Phase;

void sleep_for(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

TEST(EncodingClocks, CountAsWaitingWhatIsReadWhileNothingIsEncoded) {
  EncodingClock clock;
  {
    const EncodingClock::Batch read(&clock, Phase::reading);
    sleep_for(40);
  }
  EXPECT_GE(clock.seconds().waiting, 0.04);
  EXPECT_EQ(clock.seconds().encoding, 0);
  EXPECT_EQ(clock.seconds().share_waited(), 1);
}

TEST(EncodingClocks, CountAsEncodingWhatIsReadBesideIt) {
  EncodingClock clock;
  {
    const EncodingClock::Batch encoded(&clock, Phase::encoding);
    const EncodingClock::Batch read(&clock, Phase::reading);
    sleep_for(40);
  }
  EXPECT_GE(clock.seconds().encoding, 0.04);
  EXPECT_LT(clock.seconds().waiting, 0.04);
}

TEST(EncodingClocks, DoNotCountTheTimeBetweenBatches) {
  EncodingClock clock;
  { const EncodingClock::Batch encoded(&clock, Phase::encoding); }
  sleep_for(40);
  { const EncodingClock::Batch read(&clock, Phase::reading); }
  EXPECT_LT(clock.seconds().encoding + clock.seconds().waiting, 0.04);
  EXPECT_EQ(EncodingClock().seconds().share_waited(), 0) << "nothing was encoded";
}

TEST(EncodingClocks, SeveralBatchesOfAPhaseAreOnePhase) {
  EncodingClock clock;
  auto first = std::make_unique<EncodingClock::Batch>(&clock, Phase::encoding);
  {
    const EncodingClock::Batch second(&clock, Phase::encoding);
    sleep_for(20);
  }
  sleep_for(20);
  first.reset();
  EXPECT_GE(clock.seconds().encoding, 0.04);
  { const EncodingClock::Batch none(nullptr, Phase::reading); }
}

}  // namespace encoding_clock_test
}  // namespace permafrost
