// SPDX-License-Identifier: Apache-2.0
#include "common/machine/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <fstream>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>

#include "common/machine/control_groups.h"
#include "common/machine/threads.h"

namespace permafrost {

void parallel_for(std::int64_t count, int threads, const std::function<void(std::int64_t)>& body) {
  if (count <= 0) return;
  std::atomic<std::int64_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  std::int64_t failed_at = std::numeric_limits<std::int64_t>::max();

  const auto work = [&] {
    for (std::int64_t i = next++; i < count; i = next++) {
      try {
        body(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < failed_at) {
          failed_at = i;
          failure = std::current_exception();
        }
        next = count;
      }
    }
  };
  {
    const std::function<void()> helper = work;
    const auto wanted = std::min<std::int64_t>(std::max(threads, 1), count);
    const auto helpers = start_threads(static_cast<int>(wanted) - 1, helper);  // joined at the end
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

namespace {

int allowed_by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

// Processors' worth of time that a group allows: "quota period" in one file, or one each.
std::optional<double> allowed_by(const ControlGroup& group) {
  std::optional<double> quota, period;
  if (group.version == 2) {
    std::ifstream file(group.folder / "cpu.max");
    double values[2];
    if (file >> values[0] >> values[1]) quota = values[0], period = values[1];
  } else {
    quota = number_in(group.folder / "cpu.cfs_quota_us");  // -1: no bound
    period = number_in(group.folder / "cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

}  // namespace

int available_threads(const std::filesystem::path& root) {
  double threads = allowed_by_affinity();
  for (const auto& group : control_groups("cpu", root))
    if (const auto allowed = allowed_by(group)) threads = std::min(threads, std::ceil(*allowed));
  return std::max(1, static_cast<int>(threads));
}

}  // namespace permafrost
