// SPDX-License-Identifier: Apache-2.0
#include "common/files/crc32.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

namespace permafrost {
namespace {

constexpr std::size_t kStride = 16;
using Table = std::array<std::uint32_t, 256>;

// Of table k: what a byte does to the remainder when k more bytes follow it.
constexpr std::array<Table, kStride> make_tables() {
  std::array<Table, kStride> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit)
      remainder = remainder >> 1 ^ ((remainder & 1) != 0 ? 0xedb88320U : 0U);
    tables[0][byte] = remainder;
  }
  for (std::size_t k = 1; k < kStride; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 0xff];
  return tables;
}

constexpr std::array<Table, kStride> kTables = make_tables();

// Of kStride bytes. Written out by the compiler: as a loop it takes half as long again.
template <std::size_t... I>
std::uint32_t remainder(const std::uint64_t* words, std::index_sequence<I...> /*places*/) {
  return (kTables[kStride - 1 - I][words[I / 8] >> (8 * (I % 8)) & 0xff] ^ ...);
}

}  // namespace

std::uint32_t crc32_of(std::string_view bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = at + bytes.size();
  std::uint32_t crc = 0xffffffffU;
  // Sixteen bytes at a time: their tables are looked up side by side and not one after the other.
  for (; static_cast<std::size_t>(end - at) >= kStride; at += kStride) {
    std::uint64_t words[kStride / 8];
    std::memcpy(words, at, kStride);  // little-endian machines, as the readers of weights ask for
    words[0] ^= crc;
    crc = remainder(words, std::make_index_sequence<kStride>());
  }
  for (; at != end; ++at) crc = crc >> 8 ^ kTables[0][(crc ^ *at) & 0xff];
  return ~crc;
}

}  // namespace permafrost
