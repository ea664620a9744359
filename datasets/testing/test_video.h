// SPDX-License-Identifier: Apache-2.0
#pragma once

// Small videos for tests and benchmarks, written with the FFmpeg libraries themselves: lossless PNG
// pictures in a container, MPEG-4 with B-frames, or H.264 where FFmpeg has libx264.
//
//   write_test_video("grey.mov", {.frames = grey_frames(12, 32, 24)});
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "datasets/images/ffmpeg.h"

namespace permafrost {

struct TestImage {
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> rgb;

  const std::uint8_t* at(int y, int x) const {
    return rgb.data() + (std::ptrdiff_t{y} * width + x) * 3;
  }
};

struct TestVideo {
  std::vector<TestImage> frames;  // of any size, as PNG
  bool mpeg4 = false;             // with two B-frames between others; all frames of one size
  bool h264 = false;              // with B-frames that nothing depends on; all frames of one size
  int key_every = 250;            // h264: frames from one key frame to the next
  std::string x264 = "";          // h264: parameters, "open-gop=1:bframes=3"
  std::vector<std::int64_t> times = {};  // of every frame, in tenths of a second; none: 0, 1, 2 ...
  bool turned = false;                   // display matrix: a quarter turn clockwise
  bool headers_inside = false;           // in the stream itself, as .ts needs them
};

inline TestImage flat_image(int height, int width, int red, int green, int blue) {
  TestImage image{height, width, {}};
  for (int k = 0; k < height * width; ++k) {
    for (const int value : {red, green, blue}) {
      image.rgb.push_back(static_cast<std::uint8_t>(value));
    }
  }
  return image;
}

// Frame k is 20 * k everywhere.
inline std::vector<TestImage> grey_frames(int count, int height, int width) {
  std::vector<TestImage> frames;
  for (int k = 0; k < count; ++k) {
    frames.push_back(flat_image(height, width, 20 * k, 20 * k, 20 * k));
  }
  return frames;
}

inline int checked(int status) {
  if (status < 0) throw std::runtime_error("test video: " + ffmpeg_reason(status));
  return status;
}

inline bool can_write_h264() { return avcodec_find_encoder_by_name("libx264") != nullptr; }

inline void set_up_h264(AVCodecContext* encoder, const TestVideo& video) {
  encoder->pix_fmt = AV_PIX_FMT_YUV420P;
  encoder->gop_size = video.key_every;
  encoder->max_b_frames = 3;
  av_opt_set(encoder->priv_data, "preset", "veryfast", 0);
  av_opt_set(encoder->priv_data, "crf", "20", 0);
  av_opt_set(encoder->priv_data, "x264-params", ("scenecut=0:" + video.x264).c_str(), 0);
}

inline FfmpegOwner<AVCodecContext> test_encoder(const TestImage& image, const TestVideo& video) {
  const bool mpeg4 = video.mpeg4;
  const AVCodec* codec = video.h264
                             ? avcodec_find_encoder_by_name("libx264")
                             : avcodec_find_encoder(mpeg4 ? AV_CODEC_ID_MPEG4 : AV_CODEC_ID_PNG);
  FfmpegOwner<AVCodecContext> encoder(avcodec_alloc_context3(codec));
  encoder->width = image.width;
  encoder->height = image.height;
  encoder->time_base = {1, 10};
  encoder->framerate = {10, 1};
  encoder->pix_fmt = mpeg4 ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_RGB24;
  encoder->max_b_frames = mpeg4 ? 2 : 0;
  encoder->thread_count = 1;
  if (!video.headers_inside) encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (video.h264) set_up_h264(encoder.get(), video);
  if (mpeg4) {
    encoder->flags |= AV_CODEC_FLAG_QSCALE;
    encoder->global_quality = FF_QP2LAMBDA;
  }
  checked(avcodec_open2(encoder.get(), codec, nullptr));
  return encoder;
}

inline FfmpegOwner<AVFrame> test_frame(const TestImage& image, const AVCodecContext& encoder,
                                       std::int64_t index) {
  FfmpegOwner<AVFrame> frame(av_frame_alloc());
  frame->format = encoder.pix_fmt;
  frame->width = image.width;
  frame->height = image.height;
  frame->pts = index;
  frame->quality = encoder.global_quality;
  checked(av_frame_get_buffer(frame.get(), 0));
  FfmpegOwner<SwsContext> scaler(sws_getContext(image.width, image.height, AV_PIX_FMT_RGB24,
                                                image.width, image.height, encoder.pix_fmt,
                                                SWS_BILINEAR, nullptr, nullptr, nullptr));
  const std::uint8_t* const planes[4] = {image.rgb.data(), nullptr, nullptr, nullptr};
  const int strides[4] = {image.width * 3, 0, 0, 0};
  sws_scale(scaler.get(), planes, strides, 0, image.height, frame->data, frame->linesize);
  return frame;
}

inline void turn_clockwise(AVStream* stream) {
  const std::int32_t one = 1 << 16;
  const std::int32_t matrix[9] = {0, one, 0, -one, 0, 0, 0, 0, 1 << 30};
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
  std::uint8_t* data = av_packet_side_data_new(&stream->codecpar->coded_side_data,
                                               &stream->codecpar->nb_coded_side_data,
                                               AV_PKT_DATA_DISPLAYMATRIX, sizeof matrix, 0)
                           ->data;
#else
  std::uint8_t* data = av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, sizeof matrix);
#endif
  std::memcpy(data, matrix, sizeof matrix);
}

// The container follows from the ending of the path. Throws std::runtime_error.
inline void write_test_video(const std::filesystem::path& path, const TestVideo& video) {
  AVFormatContext* output = nullptr;
  checked(avformat_alloc_output_context2(&output, nullptr, nullptr, path.c_str()));
  const std::unique_ptr<AVFormatContext, decltype(&avformat_free_context)> owner(
      output, &avformat_free_context);
  AVStream* stream = avformat_new_stream(output, nullptr);
  std::map<std::pair<int, int>, FfmpegOwner<AVCodecContext>> encoders;  // one for every size
  const auto encoder_of = [&](const TestImage& image) {
    auto& encoder = encoders[{image.height, image.width}];
    if (!encoder) encoder = test_encoder(image, video);
    return encoder.get();
  };
  AVCodecContext* encoder = encoder_of(video.frames.front());
  checked(avcodec_parameters_from_context(stream->codecpar, encoder));
  stream->time_base = encoder->time_base;
  stream->avg_frame_rate = encoder->framerate;
  if (video.turned) turn_clockwise(stream);
  checked(avio_open(&output->pb, path.c_str(), AVIO_FLAG_WRITE));
  const FfmpegOwner<AVIOContext> file(output->pb);
  checked(avformat_write_header(output, nullptr));
  const FfmpegOwner<AVPacket> packet(av_packet_alloc());
  const auto drain = [&](AVCodecContext* from) {
    while (avcodec_receive_packet(from, packet.get()) >= 0) {
      if (packet->duration == 0) packet->duration = 1;
      av_packet_rescale_ts(packet.get(), from->time_base, stream->time_base);
      packet->stream_index = 0;
      checked(av_write_frame(output, packet.get()));
      av_packet_unref(packet.get());
    }
  };
  for (std::size_t k = 0; k < video.frames.size(); ++k) {
    encoder = encoder_of(video.frames[k]);
    const auto frame =
        test_frame(video.frames[k], *encoder,
                   video.times.empty() ? static_cast<std::int64_t>(k) : video.times.at(k));
    checked(avcodec_send_frame(encoder, frame.get()));
    drain(encoder);
  }
  checked(avcodec_send_frame(encoder, nullptr));
  drain(encoder);
  checked(av_write_trailer(output));
}

}  // namespace permafrost
