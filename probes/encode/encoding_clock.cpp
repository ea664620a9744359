// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/encoding_clock.h"

namespace permafrost {

EncodingSeconds EncodingClock::seconds() const {
  const std::lock_guard lock(mutex_);
  return seconds_;
}

void EncodingClock::change(Phase phase, int by) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  const double passed = std::chrono::duration<double>(now - since_).count();
  if (encoding_ > 0)
    seconds_.encoding += passed;
  else if (reading_ > 0)
    seconds_.waiting += passed;
  since_ = now;
  (phase == Phase::reading ? reading_ : encoding_) += by;
}

}  // namespace permafrost
