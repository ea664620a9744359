// SPDX-License-Identifier: Apache-2.0
#pragma once

// The clips of a stream in the memory of a device, read once for all runs that learn from them.
#include <ATen/core/Tensor.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <vector>

#include "datasets/clips/clip_source.h"

namespace permafrost {

class ClipBank {
 public:
  // Room for clips 0..count-1 of `source`, which must outlive the bank. Nothing is read yet.
  ClipBank(const ClipSource& source, const ClipShape& shape, std::int64_t count,
           const at::Device& device);

  // Reads all clips, in order, with `threads` threads. Returns early after stop(). Where a clip
  // cannot be read, clips() throws its error from then on.
  void fill(int threads);
  void stop();

  // Pixels uint8 [B,T,H,W,3] of the clips `indices`, on the device; waits until they are there.
  // From any number of threads. Throws what reading threw, and Error after stop().
  at::Tensor clips(const std::vector<std::int64_t>& indices) const;

 private:
  const ClipSource& source_;
  ClipShape shape_;
  std::int64_t count_;
  at::Tensor pixels_;  // uint8 [count,T,H,W,3]
  mutable std::mutex mutex_;
  mutable std::condition_variable grown_;
  std::int64_t filled_ = 0;
  bool stopped_ = false;
  std::exception_ptr failure_;
};

}  // namespace permafrost
