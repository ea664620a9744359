// SPDX-License-Identifier: Apache-2.0
#pragma once

// How something is computed, the same for every command that computes: part of each one's options.
#include <cstdint>
#include <functional>
#include <string>

namespace permafrost {

struct Execution {
  std::string device = "cpu";  // or "cuda": where networks and heads compute and are trained
  int threads = 1;             // changes no number
  std::uint64_t seed = 1;      // the first of the seeds, where the work has seeds
  bool quiet = false;          // no progress bar
  // Told at once, a line each: what was damaged, missing or left out.
  std::function<void(const std::string&)> notice = {};

  void tell(const std::string& line) const {
    if (notice) notice(line);
  }
};

}  // namespace permafrost
