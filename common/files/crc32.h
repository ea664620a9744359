// SPDX-License-Identifier: Apache-2.0
#pragma once

// CRC-32 as zip archives and PNG files have it (IEEE 802.3, reflected polynomial 0xedb88320).
#include <zlib.h>

#include <cstdint>
#include <string_view>

namespace permafrost {

inline std::uint32_t crc32_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace permafrost
