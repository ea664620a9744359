// SPDX-License-Identifier: Apache-2.0
// Stands in for codecs.cpp where the build has no FFmpeg.
#include "datasets/images/codecs.h"

namespace permafrost {

std::vector<std::string> decoded_codecs() { return {}; }

}  // namespace permafrost
