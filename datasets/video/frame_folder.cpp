// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/frame_folder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/error.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 11> kImages = {
    ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"};
constexpr std::array<std::string_view, 16> kVideos = {
    ".3gp", ".asf", ".avi",  ".flv", ".m2ts", ".m4v", ".mjpeg", ".mkv",
    ".mov", ".mp4", ".mpeg", ".mpg", ".ogv",  ".ts",  ".webm",  ".wmv"};

template <std::size_t N>
bool ends_in(const fs::path& path, const std::array<std::string_view, N>& endings) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

// "img_00012.jpg" by its last number, so that 2 comes before 10 without leading zeros.
struct FrameFile {
  fs::path path;
  std::string digits;  // without leading zeros
};

FrameFile frame_file(const fs::path& path) {
  const std::string stem = path.stem().string();
  const std::size_t last = stem.find_last_of("0123456789");
  if (last == std::string::npos) return {path, ""};
  const std::size_t before = stem.find_last_not_of("0123456789", last);
  const std::size_t first = before == std::string::npos ? 0 : before + 1;
  std::string digits = stem.substr(first, last + 1 - first);
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  return {path, std::move(digits)};
}

std::vector<FrameFile> frame_files(const fs::path& folder) {
  std::vector<FrameFile> files;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    if (is_image_path(it->path())) files.push_back(frame_file(it->path()));
  }
  std::sort(files.begin(), files.end(), [](const FrameFile& a, const FrameFile& b) {
    if (a.digits.size() != b.digits.size()) return a.digits.size() < b.digits.size();
    return a.digits != b.digits ? a.digits < b.digits : a.path < b.path;
  });
  return files;
}

}  // namespace

bool is_image_path(const fs::path& path) { return ends_in(path, kImages); }
bool is_video_path(const fs::path& path) { return ends_in(path, kVideos); }

std::int64_t count_frame_files(const fs::path& folder) {
  std::int64_t count = 0;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    count += is_image_path(it->path()) ? 1 : 0;
  }
  return count;
}

Clip read_frame_folder(const fs::path& folder, const FrameRule& rule, const ViewSpec& view,
                       const DecodeOptions& options) {
  const std::vector<FrameFile> files = frame_files(folder);
  const auto frames = static_cast<std::int64_t>(files.size());
  if (files.empty()) {
    throw InputError(folder.string(), "video stream", "a folder of numbered image files", "none");
  }
  const std::vector<std::int64_t> indices = rule(frames);
  Clip clip(ClipShape{static_cast<int>(indices.size()), view.height, view.width});
  for (std::size_t k = 0; k < indices.size(); ++k) {
    if (indices[k] < 0 || indices[k] >= frames) {
      throw InputError(folder.string(), "frame indices",
                       "values from 0 to " + std::to_string(frames - 1),
                       std::to_string(indices[k]));
    }
    std::uint8_t* const pixels = clip.frame(static_cast<int>(k));
    if (k > 0 && indices[k] == indices[k - 1]) {
      std::memcpy(pixels, clip.frame(static_cast<int>(k) - 1), clip.frame_bytes());
      continue;
    }
    const Clip picture = read_frames(
        files[static_cast<std::size_t>(indices[k])].path.string(),
        [](std::int64_t) { return std::vector<std::int64_t>{0}; }, view, options);
    std::memcpy(pixels, picture.pixels.data(), clip.frame_bytes());
  }
  return clip;
}

}  // namespace permafrost
