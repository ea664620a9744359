// SPDX-License-Identifier: Apache-2.0
#pragma once

// A video kept as a folder of numbered pictures (Jester's form, and rawframes of VideoMAE and
// SlowFast): every image file of the folder is a frame, in the order of the numbers in the names.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/video/decoder.h"

namespace permafrost {

// Whether the ending of a path is one of image files, or of video files.
bool is_image_path(const std::filesystem::path& path);
bool is_video_path(const std::filesystem::path& path);

// Image files right in the folder, by their numbers; none for what is no folder. Throws InputError
// where a number is left out, as a frame was lost there.
std::vector<std::filesystem::path> frame_files(const std::filesystem::path& folder);

// The same with a gap told, not thrown: "img_00004.jpg followed by img_00006.jpg". Numbers that
// are evenly spaced have none.
struct FrameListing {
  std::vector<std::filesystem::path> files;
  std::string gap;
};
FrameListing list_frame_files(const std::filesystem::path& folder);

std::int64_t count_frame_files(const std::filesystem::path& folder);

// As read_clips of decoder.h, which reads the pictures, each once. Throws InputError for a folder
// without image files, and one with a gap, too.
std::vector<Clip> read_frame_folder(const std::filesystem::path& folder,
                                    const std::vector<ClipRequest>& requests,
                                    const DecodeOptions& options = {},
                                    DecodeStatistics* statistics = nullptr);

}  // namespace permafrost
