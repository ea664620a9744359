// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reading .xz files through liblzma.
#include <cstddef>
#include <string>
#include <string_view>

namespace permafrost {

// Whether the bytes begin as an .xz file does.
bool is_xz(std::string_view bytes);

// What is packed in the bytes of an .xz file, of one stream or several. Throws InputError naming
// `where` for what is damaged or cut short, and for more than `most` bytes of contents.
std::string unpacked_xz(std::string_view bytes, const std::string& where,
                        std::size_t most = std::size_t{4} << 30);

}  // namespace permafrost
