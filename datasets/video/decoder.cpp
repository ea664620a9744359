// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/decoder.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/error.h"
#include "common/machine/stopwatch.h"
#include "datasets/video/clip_decoding.h"

namespace permafrost {
namespace {

[[noreturn]] void throw_no_frame(const std::string& path, const FrameReader& reader) {
  std::string found = "none in " + std::to_string(reader.packets()) + " packets";
  if (!reader.first_error().empty()) found += ": " + reader.first_error();
  throw InputError(path, "video stream", "at least one frame that can be decoded", found);
}

// Codecs of which every packet gives one frame, all in order of their time stamps.
bool numbers_are_certain(const FrameReader& reader) {
  const AVCodecParameters& parameters = *reader.stream().codecpar;
  const bool progressive =
      parameters.field_order == AV_FIELD_PROGRESSIVE || parameters.field_order == AV_FIELD_UNKNOWN;
  switch (parameters.codec_id) {
    case AV_CODEC_ID_H264:
      return progressive && !reader.still();
    case AV_CODEC_ID_HEVC:
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_AV1:
      return !reader.still();
    default:
      return false;
  }
}

// False where the index does not hold.
bool decoded_by_index(const std::string& path, FrameReader& reader, const FrameIndex& index,
                      const std::vector<ClipRequest>& requests, std::vector<Clip>& clips,
                      DecodeStatistics& counts) {
  RgbConverter converter(path, display_matrix(reader.stream()), reader.picture());
  const auto wanted = wanted_frames(path, requests, index.frames(), clips);
  return ClipDecoding(reader, converter, requests, wanted, clips, counts).by_index(index);
}

void decode_from_start(const std::string& path, FrameReader& reader,
                       const std::vector<ClipRequest>& requests, std::vector<Clip>& clips,
                       DecodeStatistics& counts) {
  RgbConverter converter(path, display_matrix(reader.stream()), reader.picture());
  // A file without packets is still decoded, for the message.
  std::int64_t frames = reader.still() ? 1 : std::max<std::int64_t>(1, reader.promised());
  for (;;) {
    const auto wanted = wanted_frames(path, requests, frames, clips);
    const std::int64_t decoded =
        ClipDecoding(reader, converter, requests, wanted, clips, counts).from_start();
    if (decoded == 0) throw_no_frame(path, reader);
    if (decoded > wanted.back().frame) return;
    frames = decoded;  // fewer than before: the loop ends
  }
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
    const Orientation turn = reader.picture().value_or(orientation_of(display_matrix(stream)));
    info.rotation = rotation_of(turn);
    if (turn.transpose) std::swap(info.width, info.height);
    if (stream.avg_frame_rate.num > 0) info.fps = av_q2d(stream.avg_frame_rate);
    if (stream.duration != AV_NOPTS_VALUE) {
      info.duration = static_cast<double>(stream.duration) * av_q2d(stream.time_base);
    } else if (container.duration != AV_NOPTS_VALUE) {
      info.duration = static_cast<double>(container.duration) / AV_TIME_BASE;
    }
    info.codec = avcodec_get_name(stream.codecpar->codec_id);
    info.container = container.iformat->name;
    info.still = reader.still();
    if (!info.still) reader.scan();
    info.frames = info.still ? 1 : reader.promised();
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

std::vector<Clip> read_clips(const std::string& path, const std::vector<ClipRequest>& requests,
                             const DecodeOptions& options, DecodeStatistics* statistics) {
  std::vector<Clip> clips;
  if (requests.empty()) return clips;
  DecodeStatistics ignored;
  DecodeStatistics& counts = statistics != nullptr ? *statistics : ignored;
  Stopwatch watch;
  auto reader = std::make_unique<FrameReader>(
      path, options, options.random_access ? Opening::quick : Opening::full);
  reader->scan();
  if (options.random_access && numbers_are_certain(*reader)) {
    if (const auto index = index_frames(reader->notes())) {
      counts.decode_seconds += watch.seconds();
      if (decoded_by_index(path, *reader, *index, requests, clips, counts)) return clips;
      ++counts.fallbacks;
      watch = Stopwatch();
    }
  }
  if (reader->quick()) {
    reader = std::make_unique<FrameReader>(path, options);
    reader->scan();
  }
  counts.decode_seconds += watch.seconds();
  decode_from_start(path, *reader, requests, clips, counts);
  return clips;
}

Clip read_frames(const std::string& path, const FrameRule& rule, const ViewSpec& view,
                 const DecodeOptions& options) {
  return std::move(read_clips(path, {clip_request(rule, view)}, options).front());
}

}  // namespace permafrost
