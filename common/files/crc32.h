// SPDX-License-Identifier: Apache-2.0
#pragma once

// CRC-32 as zip archives and PNG files have it (IEEE 802.3, reflected polynomial 0xedb88320).
#include <cstdint>
#include <string_view>

namespace permafrost {

// About a gigabyte a second: a file of weights is checked in the time that hashing it takes.
std::uint32_t crc32_of(std::string_view bytes);

}  // namespace permafrost
