// SPDX-License-Identifier: Apache-2.0
#include "datasets/rendered/video_writer.h"

#include <memory>
#include <new>

#include "common/error.h"
#include "datasets/images/ffmpeg.h"
extern "C" {
#include <libavutil/opt.h>
}

namespace permafrost {
namespace {

struct OutputDeleter {
  void operator()(AVFormatContext* output) const { avformat_free_context(output); }
};

FfmpegOwner<AVCodecContext> open_encoder(const ClipShape& shape, const VideoWriting& options) {
  const bool lossless = options.coding == VideoCoding::lossless;
  const char* name = lossless ? "libx264rgb" : "libx264";
  const AVCodec* codec = avcodec_find_encoder_by_name(name);
  if (codec == nullptr)
    throw Error(std::string("video encoder: this FFmpeg was built without ") + name);
  FfmpegOwner<AVCodecContext> encoder(avcodec_alloc_context3(codec));
  if (!encoder) throw std::bad_alloc();
  encoder->width = shape.width;
  encoder->height = shape.height;
  encoder->time_base = {1, options.fps};
  encoder->framerate = {options.fps, 1};
  encoder->pix_fmt = lossless ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_YUV420P;
  if (!lossless) encoder->colorspace = AVCOL_SPC_SMPTE170M;
  encoder->thread_count = 1;  // the bytes depend on the number
  encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
  av_opt_set(encoder->priv_data, "preset", "medium", 0);
  av_opt_set(encoder->priv_data, lossless ? "qp" : "crf", lossless ? "0" : "18", 0);
  check_ffmpeg(avcodec_open2(encoder.get(), codec, nullptr), "video encoder: cannot be opened");
  return encoder;
}

FfmpegOwner<AVFrame> frame_of(const Clip& clip, int index, const AVCodecContext& encoder,
                              SwsContext* scaler) {
  FfmpegOwner<AVFrame> frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  frame->format = encoder.pix_fmt;
  frame->width = encoder.width;
  frame->height = encoder.height;
  frame->pts = index;
  check_ffmpeg(av_frame_get_buffer(frame.get(), 0), "video encoder: no memory for a frame");
  const std::uint8_t* const planes[4] = {clip.frame(index), nullptr, nullptr, nullptr};
  const int strides[4] = {clip.shape.width * 3, 0, 0, 0};
  if (encoder.pix_fmt == AV_PIX_FMT_RGB24) {
    av_image_copy_plane(frame->data[0], frame->linesize[0], planes[0], strides[0], strides[0],
                        clip.shape.height);
  } else {
    sws_scale(scaler, planes, strides, 0, clip.shape.height, frame->data, frame->linesize);
  }
  return frame;
}

// Owns the file in memory while it is written.
class MemoryFile {
 public:
  MemoryFile() { check_ffmpeg(avio_open_dyn_buf(&io_), "video encoder: no memory for the file"); }
  ~MemoryFile() {
    if (io_ != nullptr) take();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  AVIOContext* io() { return io_; }
  std::string take() {
    std::uint8_t* bytes = nullptr;
    const int size = avio_close_dyn_buf(io_, &bytes);
    io_ = nullptr;
    std::string out(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    av_free(bytes);
    return out;
  }

 private:
  AVIOContext* io_ = nullptr;
};

void drain(AVCodecContext* encoder, AVFormatContext* output, AVPacket* packet) {
  while (avcodec_receive_packet(encoder, packet) >= 0) {
    packet->duration = 1;
    av_packet_rescale_ts(packet, encoder->time_base, output->streams[0]->time_base);
    packet->stream_index = 0;
    check_ffmpeg(av_write_frame(output, packet), "video encoder: cannot write a packet");
    av_packet_unref(packet);
  }
}

}  // namespace

std::string encode_video(const Clip& clip, const VideoWriting& options) {
  const ClipShape& shape = clip.shape;
  const bool is_odd = shape.height % 2 != 0 || shape.width % 2 != 0;
  if (clip.pixels.empty()) throw InputError("video encoder", "clip", "at least one frame", "none");
  if (options.coding == VideoCoding::h264 && is_odd)
    throw InputError("video encoder", "size", "even sides for h264",
                     std::to_string(shape.height) + "x" + std::to_string(shape.width));
  av_log_set_level(AV_LOG_QUIET);  // x264 tells its statistics
  const FfmpegOwner<AVCodecContext> encoder = open_encoder(shape, options);
  MemoryFile file;
  AVFormatContext* made = nullptr;
  check_ffmpeg(avformat_alloc_output_context2(&made, nullptr, "mp4", nullptr),
               "video encoder: no MP4 writer");
  const std::unique_ptr<AVFormatContext, OutputDeleter> output(made);
  output->pb = file.io();
  output->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
  AVStream* stream = avformat_new_stream(output.get(), nullptr);
  if (stream == nullptr) throw std::bad_alloc();
  stream->time_base = encoder->time_base;
  stream->avg_frame_rate = encoder->framerate;
  check_ffmpeg(avcodec_parameters_from_context(stream->codecpar, encoder.get()),
               "video encoder: parameters");
  check_ffmpeg(avformat_write_header(output.get(), nullptr),
               "video encoder: cannot write the header");

  FfmpegOwner<SwsContext> scaler;
  if (encoder->pix_fmt != AV_PIX_FMT_RGB24) {
    scaler.reset(sws_getContext(
        shape.width, shape.height, AV_PIX_FMT_RGB24, shape.width, shape.height, encoder->pix_fmt,
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP, nullptr, nullptr, nullptr));
    if (!scaler) throw std::bad_alloc();
  }
  const FfmpegOwner<AVPacket> packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  for (int t = 0; t < shape.frames; ++t) {
    const auto frame = frame_of(clip, t, *encoder, scaler.get());
    check_ffmpeg(avcodec_send_frame(encoder.get(), frame.get()),
                 "video encoder: cannot encode a frame");
    drain(encoder.get(), output.get(), packet.get());
  }
  check_ffmpeg(avcodec_send_frame(encoder.get(), nullptr), "video encoder: cannot finish");
  drain(encoder.get(), output.get(), packet.get());
  check_ffmpeg(av_write_trailer(output.get()), "video encoder: cannot write the end");
  return file.take();
}

}  // namespace permafrost
