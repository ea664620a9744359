// SPDX-License-Identifier: Apache-2.0
#include "common/random.h"

#include <cmath>
#include <numeric>

namespace permafrost {
namespace {

// Finaliser of SplitMix64: spreads every input bit over the output.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// FNV-1a, 64 bits: turns a purpose into a number, the same on every machine.
std::uint64_t number_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c,
                                        std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ULL * c[0];
    const std::uint64_t p1 = 0xCD9E8D57ULL * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += 0x9E3779B9U;
    k[1] += 0xBB67AE85U;
  }
  return c;
}

RandomStream::RandomStream(const StreamName& name) {
  const std::uint64_t key = mixed(mixed(name.seed) ^ number_of(name.purpose));
  const std::uint64_t place = mixed(mixed(name.epoch + 0x51ULL) ^ name.sample);
  key_ = {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)};
  counter_ = {0, 0, static_cast<std::uint32_t>(place), static_cast<std::uint32_t>(place >> 32)};
}

void RandomStream::refill() {
  block_ = philox4x32(counter_, key_);
  if (++counter_[0] == 0) ++counter_[1];
  used_ = 0;
}

std::uint32_t RandomStream::bits() {
  if (used_ == 4) refill();
  return block_[static_cast<std::size_t>(used_++)];
}

float RandomStream::uniform() { return static_cast<float>(bits() >> 8) * 0x1p-24F; }

float RandomStream::uniform(float low, float high) { return low + (high - low) * uniform(); }

std::uint32_t RandomStream::integer(std::uint32_t count) {
  // Rejection of the short last interval keeps every value equally likely.
  const std::uint32_t excess = (0U - count) % count;
  std::uint32_t draw = bits();
  while (draw < excess) draw = bits();
  return draw % count;
}

std::uint64_t RandomStream::large_integer(std::uint64_t count) {
  if (count <= UINT32_MAX) return integer(static_cast<std::uint32_t>(count));
  const auto both = [this] {
    const std::uint64_t high = bits();
    return high << 32 | bits();
  };
  const std::uint64_t excess = (std::uint64_t{0} - count) % count;
  std::uint64_t draw = both();
  while (draw < excess) draw = both();
  return draw % count;
}

float RandomStream::normal() {
  const float radius = std::sqrt(-2.0F * std::log(1.0F - uniform()));
  return radius * std::cos(6.28318530717958647692F * uniform());
}

std::vector<std::int64_t> RandomStream::permutation(std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[large_integer(i)]);
  return order;
}

}  // namespace permafrost
