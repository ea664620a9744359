// SPDX-License-Identifier: Apache-2.0
#pragma once

// Bytes as text (RFC 4648, section 4), for pictures inside a page.
#include <string>
#include <string_view>

namespace permafrost {

std::string base64(std::string_view bytes);

}  // namespace permafrost
