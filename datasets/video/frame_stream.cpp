// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/frame_stream.h"

#include <system_error>

#include "common/error.h"
#include "datasets/images/picture.h"
#include "datasets/video/frame_folder.h"
#include "datasets/video/frame_reader.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

std::int64_t stream_folder(const fs::path& folder, int every,
                           const std::function<void(const ImageView&)>& use) {
  std::int64_t count = 0;
  for (const auto& file : frame_files(folder))
    if (count++ % every == 0) stream_frames(file, 1, use);
  if (count == 0)
    throw InputError(folder.string(), "video stream", "a folder of numbered image files", "none");
  return count;
}

}  // namespace

std::int64_t stream_frames(const fs::path& path, int every,
                           const std::function<void(const ImageView&)>& use,
                           const DecodeOptions& options) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return stream_folder(path, every, use);
  FrameReader reader(path.string(), options);
  RgbConverter converter(path.string(), display_matrix(reader.stream()), reader.picture());
  std::int64_t count = 0;
  while (const AVFrame* frame = reader.next()) {
    if (count++ % every == 0) use(converter.convert(*frame));
    if (reader.still()) break;
  }
  if (count == 0)
    throw InputError(path.string(), "video stream", "at least one frame that can be decoded",
                     reader.first_error().empty() ? "none" : "none: " + reader.first_error());
  return count;
}

}  // namespace permafrost
