// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one place where FFmpeg's C headers come in: owners for its objects and gates for its versions
// (5.1 is what we test; what later releases renamed is bridged here). Used by frame_reader, picture
// and their tests only.
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <cstdint>
#include <memory>
#include <string>

#include "common/error.h"
#ifdef PERMAFROST_FFMPEG_AT_RUN_TIME
#include "datasets/images/ffmpeg_at_run_time.h"
#endif

namespace permafrost {

struct FfmpegDeleter {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(AVCodecParameters* parameters) const { avcodec_parameters_free(&parameters); }
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
  void operator()(AVFormatContext* input) const { avformat_close_input(&input); }
  void operator()(AVIOContext* file) const { avio_closep(&file); }
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};
template <typename T>
using FfmpegOwner = std::unique_ptr<T, FfmpegDeleter>;

// "Invalid data found when processing input".
inline std::string ffmpeg_reason(int status) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(status, text, sizeof text);
  return text;
}

// Throws Error with FFmpeg's reason behind `failure` ("JPEG encoder: cannot encode") where the
// status is negative.
inline void check_ffmpeg(int status, const char* failure) {
  if (status < 0) throw Error(std::string(failure) + ": " + ffmpeg_reason(status));
}

// Whether decoding could begin with this frame, as the decoder says. 6.1 made it a flag.
inline bool is_key(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100)
  return (frame.flags & AV_FRAME_FLAG_KEY) != 0;
#else
  return frame.key_frame != 0;
#endif
}

// The nine numbers of the display matrix of a stream; null where there is none. 6.1 moved the side
// data of streams to their codec parameters.
inline const std::int32_t* display_matrix(const AVStream& stream) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
  const AVPacketSideData* data =
      av_packet_side_data_get(stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data,
                              AV_PKT_DATA_DISPLAYMATRIX);
  const bool whole = data != nullptr && data->size >= 9 * sizeof(std::int32_t);
  return whole ? reinterpret_cast<const std::int32_t*>(data->data) : nullptr;
#else
  std::size_t bytes = 0;
  const std::uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &bytes);
  return bytes >= 9 * sizeof(std::int32_t) ? reinterpret_cast<const std::int32_t*>(data) : nullptr;
#endif
}

// The same of a frame, which goes before the stream's.
inline const std::int32_t* display_matrix(const AVFrame& frame) {
  const AVFrameSideData* data = av_frame_get_side_data(&frame, AV_FRAME_DATA_DISPLAYMATRIX);
  const bool whole = data != nullptr && data->size >= 9 * sizeof(std::int32_t);
  return whole ? reinterpret_cast<const std::int32_t*>(data->data) : nullptr;
}

}  // namespace permafrost
