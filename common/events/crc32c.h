// SPDX-License-Identifier: Apache-2.0
#pragma once

// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as TensorBoard's record files have it.
// Source: RFC 3720, appendix B.4, which has test vectors.
#include <array>
#include <cstdint>
#include <string_view>

namespace permafrost {

namespace crc32c_detail {
constexpr std::array<std::uint32_t, 256> table() {
  std::array<std::uint32_t, 256> values{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? 0x82f63b78U : 0);
    values[byte] = rest;
  }
  return values;
}
inline constexpr std::array<std::uint32_t, 256> kTable = table();
}  // namespace crc32c_detail

inline std::uint32_t crc32c_of(std::string_view bytes) {
  std::uint32_t rest = 0xffffffffU;
  for (const char c : bytes)
    rest = (rest >> 8) ^ crc32c_detail::kTable[(rest ^ static_cast<unsigned char>(c)) & 0xff];
  return ~rest;
}

}  // namespace permafrost
