// SPDX-License-Identifier: Apache-2.0
#pragma once

// Ranks that are threads of the test.
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "models/processes/process_group.h"

namespace permafrost {

// Calls body(group) on `ranks` threads, each with a group of its own, and a GPU unless they share
// `gpu`. Throws what the first of them threw, by rank.
inline void run_as_ranks(int ranks, const std::function<void(ProcessGroup&)>& body,
                         const std::string& gpu = "") {
  const auto store = store_in_this_process();
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(ranks));
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < ranks; ++rank)
      threads.emplace_back([&, rank] {
        try {
          ProcessGroup group(store, rank, ranks,
                             {.timeout = std::chrono::seconds(60),
                              .end = {},
                              .gpu = gpu.empty() ? std::to_string(rank) : gpu});
          body(group);
          group.barrier();
        } catch (...) {
          errors[static_cast<std::size_t>(rank)] = std::current_exception();
        }
      });
  }
  for (const auto& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace permafrost
