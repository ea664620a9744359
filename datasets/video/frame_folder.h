// SPDX-License-Identifier: Apache-2.0
#pragma once

// A video kept as a folder of numbered pictures (Jester's form, and rawframes of VideoMAE and
// SlowFast): every image file of the folder is a frame, in the order of the numbers in the names.
#include <cstdint>
#include <filesystem>

#include "datasets/video/decoder.h"

namespace permafrost {

// Whether the ending of a path is one of image files, or of video files.
bool is_image_path(const std::filesystem::path& path);
bool is_video_path(const std::filesystem::path& path);

// Image files right in the folder; 0 for what is no folder.
std::int64_t count_frame_files(const std::filesystem::path& folder);

// As read_frames of decoder.h, which reads the pictures. Throws InputError for a folder without
// image files too.
Clip read_frame_folder(const std::filesystem::path& folder, const FrameRule& rule,
                       const ViewSpec& view, const DecodeOptions& options = {});

}  // namespace permafrost
