// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is to be computed and read, whatever the machine: floating-point operations of products and
// attention (a product of [m,k] and [k,n] as 2mkn), clips and pixels.
#include <array>

#include "models/network/precision.h"

namespace permafrost {

struct Work {
  double frozen_flops = 0;   // forward passes of frozen encoders
  double tuned_flops = 0;    // fine-tuning, forward and backward
  double head_flops = 0;     // training of probes
  double clips = 0;          // decoded from files
  double decoded_bytes = 0;  // of these, as pixels: frames x height x width x 3
  double pixels = 0;         // drawn by the synthetic world
  // Further forward passes and fine-tuning, which a protocol asks for in another precision than
  // float32.
  double frozen_bfloat16 = 0, tuned_bfloat16 = 0, frozen_tf32 = 0, tuned_tf32 = 0;

  double flops() const {
    return frozen_flops + tuned_flops + head_flops + frozen_bfloat16 + tuned_bfloat16 +
           frozen_tf32 + tuned_tf32;
  }
  // The same work, with encoders that compute in that precision.
  Work in(Precision precision) const {
    Work work = *this;
    if (precision == Precision::float32) return work;
    const bool halves = precision == Precision::bfloat16;
    (halves ? work.frozen_bfloat16 : work.frozen_tf32) += work.frozen_flops;
    (halves ? work.tuned_bfloat16 : work.tuned_tf32) += work.tuned_flops;
    work.frozen_flops = work.tuned_flops = 0;
    return work;
  }
  Work& operator+=(const Work& other) {
    for (const auto field : fields()) this->*field += other.*field;
    return *this;
  }
  friend Work operator+(Work a, const Work& b) { return a += b; }
  friend Work operator*(double factor, Work work) {
    for (const auto field : fields()) work.*field *= factor;
    return work;
  }

 private:
  static std::array<double Work::*, 10> fields() {
    return {&Work::frozen_flops,  &Work::tuned_flops, &Work::head_flops,      &Work::clips,
            &Work::decoded_bytes, &Work::pixels,      &Work::frozen_bfloat16, &Work::tuned_bfloat16,
            &Work::frozen_tf32,   &Work::tuned_tf32};
  }
};

}  // namespace permafrost
