// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is to be computed and read, whatever the machine: floating-point operations of products and
// attention (a product of [m,k] and [k,n] as 2mkn), clips and pixels.

namespace permafrost {

struct Work {
  double frozen_flops = 0;   // forward passes of frozen encoders
  double tuned_flops = 0;    // fine-tuning, forward and backward
  double head_flops = 0;     // training of probes
  double clips = 0;          // decoded from files
  double decoded_bytes = 0;  // of these, as pixels: frames x height x width x 3
  double pixels = 0;         // drawn by the synthetic world

  double flops() const { return frozen_flops + tuned_flops + head_flops; }
  Work& operator+=(const Work& other) {
    frozen_flops += other.frozen_flops;
    tuned_flops += other.tuned_flops;
    head_flops += other.head_flops;
    clips += other.clips;
    decoded_bytes += other.decoded_bytes;
    pixels += other.pixels;
    return *this;
  }
  friend Work operator+(Work a, const Work& b) { return a += b; }
  friend Work operator*(double factor, const Work& work) {
    return {factor * work.frozen_flops, factor * work.tuned_flops,   factor * work.head_flops,
            factor * work.clips,        factor * work.decoded_bytes, factor * work.pixels};
  }
};

}  // namespace permafrost
