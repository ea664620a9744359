// SPDX-License-Identifier: Apache-2.0
#pragma once

// Named, counter-based random streams.
//
// Every draw of the program comes from a stream that is a pure function of (seed, purpose, epoch,
// sample): no global generator, no dependence on which thread asks first. The generator is
// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
//
//   RandomStream stream({.seed = 7, .purpose = "probe.order", .epoch = 3});
//   const auto order = stream.permutation(n);
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace permafrost {

struct StreamName {
  std::uint64_t seed = 0;
  std::string_view purpose;
  std::uint64_t epoch = 0;
  std::uint64_t sample = 0;
};

class RandomStream {
 public:
  explicit RandomStream(const StreamName& name);

  std::uint32_t bits();                        // 32 uniform bits
  float uniform();                             // [0,1), 24 bits
  float uniform(float low, float high);        // [low, high)
  std::uint32_t integer(std::uint32_t count);  // 0 .. count-1 without bias; count >= 1
  // The same beyond 32 bits; for a count that fits into them, the very draws of integer().
  std::uint64_t large_integer(std::uint64_t count);
  float normal();  // N(0,1), Box-Muller
  std::vector<std::int64_t> permutation(std::int64_t count);

 private:
  void refill();
  std::array<std::uint32_t, 2> key_{};
  std::array<std::uint32_t, 4> counter_{};
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

// One block of Philox4x32-10; exposed for the published test vectors and for per-pixel noise.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

}  // namespace permafrost
