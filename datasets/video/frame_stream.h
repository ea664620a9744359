// SPDX-License-Identifier: Apache-2.0
#pragma once

// All frames of a file, one after the other: for work that keeps none of them.
#include <cstdint>
#include <filesystem>
#include <functional>

#include "datasets/frames/transform.h"
#include "datasets/video/decoder.h"

namespace permafrost {

// Calls `use` with every n-th frame from the first (presentation order, upright RGB; valid during
// the call) of a video, an image, or a folder of frames. Returns how many frames there are, at
// least 1. Throws InputError as read_frames (decoder.h).
std::int64_t stream_frames(const std::filesystem::path& path, int every,
                           const std::function<void(const ImageView&)>& use,
                           const DecodeOptions& options = {});

}  // namespace permafrost
