// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/decoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/error.h"
#include "datasets/video/frame_reader.h"
#include "datasets/video/picture.h"

namespace permafrost {
namespace {

std::int64_t promised_frames(const std::string& path, const DecodeOptions& options) {
  FrameReader reader(path, options);
  return reader.still() ? 1 : reader.count_packets();
}

[[noreturn]] void throw_no_frame(const std::string& path, const FrameReader& reader) {
  std::string found = "none in " + std::to_string(reader.packets()) + " packets";
  if (!reader.first_error().empty()) found += ": " + reader.first_error();
  throw InputError(path, "video stream", "at least one frame that can be decoded", found);
}

void check_indices(const std::string& path, const std::vector<std::int64_t>& indices,
                   std::int64_t frames) {
  if (indices.empty()) throw InputError(path, "frame indices", "at least one", "none");
  for (std::size_t k = 0; k < indices.size(); ++k) {
    const std::int64_t least = k > 0 ? indices[k - 1] : 0;
    if (indices[k] >= least && indices[k] < frames) continue;
    throw InputError(path, "frame indices",
                     "ascending values from 0 to " + std::to_string(frames - 1),
                     std::to_string(indices[k]));
  }
}

// Fills the clip; returns how many frames were decoded on the way. All slots are filled if that is
// more than the last index.
std::int64_t decode_into(const std::string& path, const std::vector<std::int64_t>& indices,
                         const ViewSpec& view, const DecodeOptions& options, Clip& clip) {
  FrameReader reader(path, options);
  RgbConverter converter(path, display_matrix(reader.stream()));
  std::size_t slot = 0;
  std::int64_t decoded = 0;
  while (slot < indices.size()) {
    const AVFrame* frame = reader.next();
    if (frame == nullptr) break;
    const std::int64_t index = decoded++;
    if (indices[slot] != index) continue;
    const ImageView image = converter.convert(*frame);
    std::uint8_t* const pixels = clip.frame(static_cast<int>(slot));
    resize_crop(image, plan_view(image.height, image.width, view), view.antialias, pixels);
    for (++slot; slot < indices.size() && indices[slot] == index; ++slot) {
      std::memcpy(clip.frame(static_cast<int>(slot)), pixels, clip.frame_bytes());
    }
  }
  if (decoded == 0) throw_no_frame(path, reader);
  return decoded;
}

}  // namespace

VideoInfo probe_video(const std::string& path, bool decode, const DecodeOptions& options) {
  VideoInfo info;
  {
    FrameReader reader(path, options);
    const AVStream& stream = reader.stream();
    const AVFormatContext& container = reader.container();
    info.width = stream.codecpar->width;
    info.height = stream.codecpar->height;
    info.rotation = rotation_of(display_matrix(stream));
    if (orientation_of(display_matrix(stream)).transpose) std::swap(info.width, info.height);
    if (stream.avg_frame_rate.num > 0) info.fps = av_q2d(stream.avg_frame_rate);
    if (stream.duration != AV_NOPTS_VALUE) {
      info.duration = static_cast<double>(stream.duration) * av_q2d(stream.time_base);
    } else if (container.duration != AV_NOPTS_VALUE) {
      info.duration = static_cast<double>(container.duration) / AV_TIME_BASE;
    }
    info.codec = avcodec_get_name(stream.codecpar->codec_id);
    info.container = container.iformat->name;
    info.still = reader.still();
    info.frames = info.still ? 1 : reader.count_packets();
  }
  if (!decode) return info;
  FrameReader reader(path, options);
  info.frames = 0;
  for (const AVFrame* frame = reader.next(); frame != nullptr; frame = reader.next()) {
    ++info.frames;
    if (info.still) break;
  }
  if (info.frames == 0) throw_no_frame(path, reader);
  info.frames_exact = true;
  return info;
}

Clip read_frames(const std::string& path, const FrameRule& rule, const ViewSpec& view,
                 const DecodeOptions& options) {
  // A file without packets is still decoded, for the message.
  std::int64_t frames = std::max<std::int64_t>(1, promised_frames(path, options));
  for (;;) {
    const std::vector<std::int64_t> indices = rule(frames);
    check_indices(path, indices, frames);
    Clip clip(ClipShape{static_cast<int>(indices.size()), view.height, view.width});
    const std::int64_t decoded = decode_into(path, indices, view, options, clip);
    if (decoded > indices.back()) return clip;
    frames = decoded;  // fewer than before: the loop ends
  }
}

}  // namespace permafrost
