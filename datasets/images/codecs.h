// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace permafrost {

// What datasets of videos and pictures are stored in and this build decodes, by FFmpeg's names;
// none in a build with PERMAFROST_FFMPEG=OFF. Thread-safe.
std::vector<std::string> decoded_codecs();

}  // namespace permafrost
