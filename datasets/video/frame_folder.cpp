// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/frame_folder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/error.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 17> kImages = {
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2",  ".jpe", ".jpeg",
    ".jpg",  ".pgm", ".png", ".pnm",  ".ppm",  ".tif",  ".tiff", ".webp"};
constexpr std::array<std::string_view, 35> kVideos = {
    ".264",   ".265",  ".3g2",  ".3gp",  ".asf", ".avi",  ".divx", ".dv",  ".f4v",
    ".flv",   ".h264", ".h265", ".hevc", ".ivf", ".m1v",  ".m2ts", ".m2v", ".m4v",
    ".mjpeg", ".mjpg", ".mkv",  ".mov",  ".mp4", ".mpeg", ".mpg",  ".mts", ".mxf",
    ".nut",   ".obu",  ".ogv",  ".ts",   ".vob", ".webm", ".wmv",  ".y4m"};

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

std::vector<FrameFile> sorted_frame_files(const fs::path& folder) {
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

// Numbers of more digits than a 64-bit integer has for sure are names, not numbers.
std::optional<std::int64_t> number_of(const FrameFile& file) {
  std::int64_t number = 0;
  const char* const end = file.digits.data() + file.digits.size();
  if (file.digits.size() > 18 ||
      file.path.stem().string().find_first_of("0123456789") == std::string::npos)
    return std::nullopt;
  std::from_chars(file.digits.data(), end, number);
  return number;
}

// The first place where the numbers go on by more than they do elsewhere at least: frames that were
// kept one in five have no gap.
std::string gap_of(const std::vector<FrameFile>& files) {
  std::int64_t least = 0, widest = 0;
  std::size_t place = 0;
  const auto step_at = [&](std::size_t k) -> std::int64_t {
    const auto before = number_of(files[k - 1]), here = number_of(files[k]);
    return before && here ? *here - *before : 0;
  };
  for (std::size_t k = 1; k < files.size(); ++k) {
    const std::int64_t step = step_at(k);
    if (step > 0) least = least == 0 ? step : std::min(least, step);
    widest = std::max(widest, step);
  }
  if (widest <= least) return "";
  for (std::size_t k = files.size() - 1; k > 0; --k)
    if (step_at(k) > least) place = k;
  return files[place - 1].path.filename().string() + " followed by " +
         files[place].path.filename().string();
}

}  // namespace

bool is_image_path(const fs::path& path) { return ends_in(path, kImages); }
bool is_video_path(const fs::path& path) { return ends_in(path, kVideos); }

FrameListing list_frame_files(const fs::path& folder) {
  std::vector<FrameFile> files = sorted_frame_files(folder);
  FrameListing listing{.files = {}, .gap = gap_of(files)};
  for (auto& file : files) listing.files.push_back(std::move(file.path));
  return listing;
}

std::vector<fs::path> frame_files(const fs::path& folder) {
  FrameListing listing = list_frame_files(folder);
  if (!listing.gap.empty())
    throw InputError(folder.string(), "frames", "numbers without a gap", listing.gap);
  return std::move(listing.files);
}

std::int64_t count_frame_files(const fs::path& folder) {
  std::int64_t count = 0;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    count += is_image_path(it->path()) ? 1 : 0;
  }
  return count;
}

std::vector<Clip> read_frame_folder(const fs::path& folder,
                                    const std::vector<ClipRequest>& requests,
                                    const DecodeOptions& options, DecodeStatistics* statistics) {
  const std::vector<fs::path> files = frame_files(folder);
  if (files.empty()) {
    throw InputError(folder.string(), "video stream", "a folder of numbered image files", "none");
  }
  std::vector<Clip> clips;
  const auto wanted =
      wanted_frames(folder.string(), requests, static_cast<std::int64_t>(files.size()), clips);
  for (std::size_t next = 0; next < wanted.size();) {
    // The picture at its full size goes into all clips; the one clip that is asked for is no
    // matter.
    const auto render = [&](const ImageView& picture, std::uint8_t*) {
      render_wanted(picture, requests, wanted, next, clips);
    };
    const auto only = [](std::int64_t) { return std::vector<std::int64_t>{0}; };
    const fs::path& file = files[static_cast<std::size_t>(wanted[next].frame)];
    read_clips(file.string(), {{only, 1, 1, render}}, options, statistics);
  }
  return clips;
}

}  // namespace permafrost
