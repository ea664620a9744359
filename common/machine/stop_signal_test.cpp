// SPDX-License-Identifier: Apache-2.0
#include "common/machine/stop_signal.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace permafrost {
namespace stop_signal_test {

TEST(StopSignal, NotesTheFirstSignal) {
  const StopSignal signal;
  EXPECT_FALSE(signal.asked());
  EXPECT_EQ(signal.exit_status(), 0);
  ::raise(SIGTERM);
  EXPECT_TRUE(signal.asked());
  EXPECT_STREQ(signal.name(), "SIGTERM");
  EXPECT_EQ(signal.exit_status(), 143);
  ::raise(SIGTERM);  // at once: of the same request
  EXPECT_EQ(signal.exit_status(), 143);
}

TEST(StopSignal, ASecondOneEndsTheProcess) {
  const pid_t child = ::fork();
  if (child == 0) {
    const StopSignal signal;
    ::raise(SIGINT);
    ::usleep(1'100'000);
    ::raise(SIGINT);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

TEST(StopSignal, LeavesIgnoredSignalsIgnored) {
  const auto before = ::signal(SIGHUP, SIG_IGN);
  {
    const StopSignal signal;
    ::raise(SIGHUP);
    EXPECT_FALSE(signal.asked());
    ::raise(SIGINT);
    EXPECT_EQ(signal.exit_status(), 130);
  }
  EXPECT_EQ(::signal(SIGHUP, before), SIG_IGN);
  const StopSignal again;
  EXPECT_FALSE(again.asked());
}

}  // namespace stop_signal_test
}  // namespace permafrost
