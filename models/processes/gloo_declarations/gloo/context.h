// SPDX-License-Identifier: Apache-2.0
#pragma once

// Declared for c10d's ProcessGroupGloo.hpp (LibTorch 2.11), which includes a header of this
// name. LibTorch has Gloo inside, but not its headers. We neither make nor call what is here.
#include <chrono>

namespace gloo {
class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};
}  // namespace gloo
