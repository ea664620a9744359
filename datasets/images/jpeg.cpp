// SPDX-License-Identifier: Apache-2.0
#include "datasets/images/jpeg.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include "common/error.h"
#include "datasets/images/ffmpeg.h"
#include "datasets/images/picture.h"

namespace permafrost {
struct JpegEncoder::State {
  int quality = 90, height = 0, width = 0;
  FfmpegOwner<AVCodecContext> encoder;
  FfmpegOwner<SwsContext> scaler;
  FfmpegOwner<AVPacket> packet{av_packet_alloc()};

  void open(int h, int w) {
    height = h;
    width = w;
    const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (codec == nullptr) throw Error("JPEG encoder: this FFmpeg was built without mjpeg");
    encoder.reset(avcodec_alloc_context3(codec));
    scaler.reset(sws_getContext(w, h, AV_PIX_FMT_RGB24, w, h, AV_PIX_FMT_YUVJ420P,
                                SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP, nullptr,
                                nullptr, nullptr));
    if (!encoder || !scaler || !packet) throw std::bad_alloc();
    encoder->width = w;
    encoder->height = h;
    encoder->time_base = {1, 1};
    encoder->pix_fmt = AV_PIX_FMT_YUVJ420P;
    encoder->color_range = AVCOL_RANGE_JPEG;
    encoder->thread_count = 1;
    // FFmpeg's scale goes from 1, the finest, to 31.
    const int scale = 1 + (100 - quality) * 30 / 99;
    encoder->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
    encoder->global_quality = scale * FF_QP2LAMBDA;
    encoder->qmin = 1;  // by default 2, which would refuse the finest
    check_ffmpeg(avcodec_open2(encoder.get(), codec, nullptr), "JPEG encoder: cannot be opened");
  }
};

JpegEncoder::JpegEncoder(int quality) : state_(std::make_unique<State>()) {
  state_->quality = std::clamp(quality, 1, 100);
}
JpegEncoder::~JpegEncoder() = default;

std::string JpegEncoder::encode(const ImageView& image) {
  if (image.height != state_->height || image.width != state_->width)
    state_->open(image.height, image.width);
  FfmpegOwner<AVFrame> frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  frame->format = AV_PIX_FMT_YUVJ420P;
  frame->width = image.width;
  frame->height = image.height;
  frame->color_range = AVCOL_RANGE_JPEG;
  frame->quality = state_->encoder->global_quality;
  check_ffmpeg(av_frame_get_buffer(frame.get(), 0), "JPEG encoder: no memory for a frame");
  const std::uint8_t* const planes[4] = {image.pixels, nullptr, nullptr, nullptr};
  const int strides[4] = {static_cast<int>(image.stride), 0, 0, 0};
  sws_scale(state_->scaler.get(), planes, strides, 0, image.height, frame->data, frame->linesize);
  check_ffmpeg(avcodec_send_frame(state_->encoder.get(), frame.get()),
               "JPEG encoder: cannot encode");
  check_ffmpeg(avcodec_receive_packet(state_->encoder.get(), state_->packet.get()),
               "JPEG encoder: cannot encode");
  std::string bytes(reinterpret_cast<const char*>(state_->packet->data),
                    static_cast<std::size_t>(state_->packet->size));
  av_packet_unref(state_->packet.get());
  return bytes;
}

struct JpegDecoder::State {
  FfmpegOwner<AVCodecContext> decoder;
  FfmpegOwner<AVPacket> packet{av_packet_alloc()};
  FfmpegOwner<AVFrame> frame{av_frame_alloc()};
  RgbConverter converter{"JPEG", nullptr};
};

JpegDecoder::JpegDecoder() : state_(std::make_unique<State>()) {
  const AVCodec* codec = avcodec_find_decoder(AV_CODEC_ID_MJPEG);
  if (codec == nullptr) throw Error("JPEG decoder: this FFmpeg was built without mjpeg");
  state_->decoder.reset(avcodec_alloc_context3(codec));
  if (!state_->decoder || !state_->packet || !state_->frame) throw std::bad_alloc();
  state_->decoder->thread_count = 1;
  state_->decoder->max_pixels = std::int64_t{16384} * 16384;
  state_->decoder->err_recognition = AV_EF_EXPLODE;
  av_log_set_level(AV_LOG_QUIET);
  if (avcodec_open2(state_->decoder.get(), codec, nullptr) < 0)
    throw Error("JPEG decoder: cannot be opened");
}
JpegDecoder::~JpegDecoder() = default;

ImageView JpegDecoder::decode(std::string_view bytes, const std::string& where) {
  AVPacket* packet = state_->packet.get();
  av_packet_unref(packet);
  // Copied: the decoder reads past the end of a packet.
  int status =
      av_new_packet(packet, static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX / 2)));
  if (status < 0) throw std::bad_alloc();
  std::memcpy(packet->data, bytes.data(), static_cast<std::size_t>(packet->size));
  avcodec_flush_buffers(state_->decoder.get());
  status = avcodec_send_packet(state_->decoder.get(), packet);
  if (status >= 0) status = avcodec_receive_frame(state_->decoder.get(), state_->frame.get());
  if (status < 0) throw InputError(where, "JPEG", "a picture", ffmpeg_reason(status));
  return state_->converter.convert(*state_->frame);
}

}  // namespace permafrost
