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

// A frame of one of the clips.
struct Wanted {
  std::int64_t index = 0;  // in the video
  std::size_t clip = 0;
  int slot = 0;
};

// What the rules ask for, in the order of decoding.
std::vector<Wanted> wanted_frames(const std::string& path, const std::vector<ClipRequest>& requests,
                                  std::int64_t frames, std::vector<Clip>& clips) {
  std::vector<Wanted> wanted;
  clips.clear();
  for (std::size_t clip = 0; clip < requests.size(); ++clip) {
    const std::vector<std::int64_t> indices = requests[clip].frames(frames);
    check_indices(path, indices, frames);
    clips.emplace_back(
        ClipShape{static_cast<int>(indices.size()), requests[clip].height, requests[clip].width});
    for (std::size_t slot = 0; slot < indices.size(); ++slot)
      wanted.push_back({indices[slot], clip, static_cast<int>(slot)});
  }
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const Wanted& a, const Wanted& b) { return a.index < b.index; });
  return wanted;
}

// Puts one frame into every place [first, last) that wants it.
void render_frame(const ImageView& image, const std::vector<ClipRequest>& requests,
                  const Wanted* first, const Wanted* last, std::vector<Clip>& clips) {
  for (const Wanted* place = first; place != last; ++place) {
    Clip& clip = clips[place->clip];
    std::uint8_t* const pixels = clip.frame(place->slot);
    // Repetitions stand behind one another, as the order is stable.
    if (place != first && place[-1].clip == place->clip)
      std::memcpy(pixels, clip.frame(place[-1].slot), clip.frame_bytes());
    else
      requests[place->clip].render(image, pixels);
  }
}

// Fills the clips; returns how many frames were decoded on the way. All places are filled if that
// is more than the last wanted index.
std::int64_t decode_into(const std::string& path, const std::vector<ClipRequest>& requests,
                         const std::vector<Wanted>& wanted, const DecodeOptions& options,
                         std::vector<Clip>& clips) {
  FrameReader reader(path, options);
  RgbConverter converter(path, display_matrix(reader.stream()));
  const Wanted *next = wanted.data(), *const end = next + wanted.size();
  std::int64_t decoded = 0;
  while (next != end) {
    const AVFrame* frame = reader.next();
    if (frame == nullptr) break;
    const std::int64_t index = decoded++;
    if (next->index != index) continue;
    const Wanted* last = next;
    while (last != end && last->index == index) ++last;
    render_frame(converter.convert(*frame), requests, next, last, clips);
    next = last;
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

ClipRequest clip_request(FrameRule frames, const ViewSpec& view) {
  const auto render = [view](const ImageView& frame, std::uint8_t* out) {
    resize_crop(frame, plan_view(frame.height, frame.width, view), view.antialias, out);
  };
  return {std::move(frames), view.height, view.width, render};
}

std::vector<Clip> read_clips(const std::string& path, const std::vector<ClipRequest>& requests,
                             const DecodeOptions& options) {
  std::vector<Clip> clips;
  if (requests.empty()) return clips;
  // A file without packets is still decoded, for the message.
  std::int64_t frames = std::max<std::int64_t>(1, promised_frames(path, options));
  for (;;) {
    const std::vector<Wanted> wanted = wanted_frames(path, requests, frames, clips);
    const std::int64_t decoded = decode_into(path, requests, wanted, options, clips);
    if (decoded > wanted.back().index) return clips;
    frames = decoded;  // fewer than before: the loop ends
  }
}

Clip read_frames(const std::string& path, const FrameRule& rule, const ViewSpec& view,
                 const DecodeOptions& options) {
  return std::move(read_clips(path, {clip_request(rule, view)}, options).front());
}

}  // namespace permafrost
