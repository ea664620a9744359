// SPDX-License-Identifier: Apache-2.0
#pragma once

// Threads as far as the system gives them: a limit on processes is no reason to end a run.
#include <functional>
#include <thread>
#include <vector>

namespace permafrost {

// Up to `count` threads that run `work`; fewer, down to none, where the system gives no more of
// them. The caller does what is left by itself. `work` must outlive the threads.
std::vector<std::jthread> start_threads(int count, const std::function<void()>& work);

}  // namespace permafrost
