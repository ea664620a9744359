// SPDX-License-Identifier: Apache-2.0
#pragma once

// Declared for c10d's ProcessGroupGloo.hpp (LibTorch 2.11), which includes a header of this
// name. LibTorch has Gloo inside, but not its headers. We neither make nor call what is here.
#include <chrono>
#include <string>
#include <vector>

namespace gloo::rendezvous {
class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& value) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys,
                    const std::chrono::milliseconds& timeout) = 0;
};
}  // namespace gloo::rendezvous
