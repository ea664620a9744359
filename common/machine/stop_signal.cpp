// SPDX-License-Identifier: Apache-2.0
#include "common/machine/stop_signal.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace permafrost {
namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
constexpr std::int64_t kSame = 1'000'000'000;  // nanoseconds

std::atomic<int> asked_by{0};
std::atomic<std::int64_t> asked_at{0};
std::array<struct sigaction, kSignals.size()> actions_before;

static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

std::int64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * kSame + time.tv_nsec;
}

// Calls nothing but what may be called in a handler.
void note(int number) {
  int none = 0;
  if (asked_by.compare_exchange_strong(none, number)) {
    asked_at = now();
    return;
  }
  if (now() - asked_at < kSame) return;
  ::signal(number, SIG_DFL);
  ::raise(number);  // delivered when the handler returns
}

}  // namespace

StopSignal::StopSignal() {
  asked_by = 0;
  asked_at = INT64_MAX;
  struct sigaction action {};
  action.sa_handler = note;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &actions_before[i]);
    if (actions_before[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    ::sigaction(kSignals[i], &actions_before[i], nullptr);
}

bool StopSignal::asked() const { return asked_by != 0; }

const char* StopSignal::name() const {
  switch (asked_by) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGHUP:
      return "SIGHUP";
    default:
      return "";
  }
}

int StopSignal::exit_status() const { return asked() ? 128 + asked_by : 0; }

}  // namespace permafrost
