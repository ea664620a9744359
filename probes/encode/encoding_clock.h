// SPDX-License-Identifier: Apache-2.0
#pragma once

// How long an encoder had nothing to do because the clips were not read yet: the time that a GPU
// waits for the CPU.
#include <chrono>
#include <mutex>

namespace permafrost {

struct EncodingSeconds {
  double encoding = 0;  // at least one batch was encoded
  double waiting = 0;   // none was, and at least one was read
  double share_waited() const {
    return encoding + waiting > 0 ? waiting / (encoding + waiting) : 0;
  }
};

// Of all batches that it is told of, by any threads.
class EncodingClock {
 public:
  enum class Phase { reading, encoding };
  // A batch is in that phase for as long as this lives. Without a clock it does nothing.
  class Batch {
   public:
    Batch(EncodingClock* clock, Phase phase) : clock_(clock), phase_(phase) { change(1); }
    ~Batch() { change(-1); }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

   private:
    void change(int by) {
      if (clock_ != nullptr) clock_->change(phase_, by);
    }
    EncodingClock* clock_;
    Phase phase_;
  };

  EncodingSeconds seconds() const;

 private:
  void change(Phase phase, int by);

  mutable std::mutex mutex_;
  int reading_ = 0, encoding_ = 0;  // batches
  std::chrono::steady_clock::time_point since_;
  EncodingSeconds seconds_;
};

}  // namespace permafrost
