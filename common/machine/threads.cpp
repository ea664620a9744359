// SPDX-License-Identifier: Apache-2.0
#include "common/machine/threads.h"

#include <algorithm>
#include <new>
#include <system_error>

namespace permafrost {

std::vector<std::jthread> start_threads(int count, const std::function<void()>& work) {
  std::vector<std::jthread> threads;
  threads.reserve(static_cast<std::size_t>(std::max(count, 0)));
  try {
    for (int t = 0; t < count; ++t) threads.emplace_back([&work] { work(); });
  } catch (const std::system_error&) {  // EAGAIN: a limit on threads, or no memory for a stack
  } catch (const std::bad_alloc&) {
  }
  return threads;
}

}  // namespace permafrost
