// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where the time of a step goes, by the user scopes of LibTorch (RECORD_USER_SCOPE) that the code
// of a step opens around its parts. The scopes cost nothing where nobody listens; Kineto shows them
// too.
#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace permafrost {

// Waits for all that was queued on `device`.
void wait_for(const at::Device& device);

// While it lives, adds up the seconds in every scope on the threads of this process. It waits for
// the device at both ends of every scope, so the sum is more than an unwatched step takes. One at a
// time.
class StepParts {
 public:
  explicit StepParts(const at::Device& device);
  ~StepParts();
  StepParts(const StepParts&) = delete;
  StepParts& operator=(const StepParts&) = delete;

  // Names and seconds so far, in the order in which the scopes were first left. What lies inside
  // another scope is taken from it.
  std::vector<std::pair<std::string, double>> seconds() const;

 private:
  std::uint64_t handle_;
};

}  // namespace permafrost
