// SPDX-License-Identifier: Apache-2.0
#pragma once

// Plain data parallelism over threads of our own. The work is cut by the caller, never by the
// number of threads, so a result does not depend on how many there are.
#include <cstdint>
#include <filesystem>
#include <functional>

namespace permafrost {

// Calls body(i) once for every i in [0,count), from at most `threads` threads (the caller's is one
// of them, and does all where the system gives no others). An exception stops further calls and the
// first one, by index, is thrown to the caller.
void parallel_for(std::int64_t count, int threads, const std::function<void(std::int64_t)>& body);

// What the machine offers to this process, at least 1: its affinity mask, or less where a control
// group (of a container, or of a job on a cluster) allows less processor time. Groups are looked
// for under `root`.
int available_threads(const std::filesystem::path& root = "/");

}  // namespace permafrost
