// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which clip of the stream stands at which place of a pretraining.
#include <cstdint>
#include <mutex>
#include <vector>

namespace permafrost {

// With `distinct` 0 place i holds clip i. Otherwise clips 0..distinct-1 come again and again: first
// in their own order, so that a run can begin while they are still being rendered, then in an order
// of its own every time. The same for every run, so that encoders differ in what they predict and
// not in what they saw. May be asked from several threads.
class StreamOrder {
 public:
  explicit StreamOrder(std::int64_t distinct) : distinct_(distinct) {}
  std::int64_t clip_at(std::int64_t place) const;

 private:
  std::int64_t distinct_;
  mutable std::mutex mutex_;
  mutable std::int64_t epoch_ = 0;  // whose order is kept
  mutable std::vector<std::int64_t> order_;
};

}  // namespace permafrost
