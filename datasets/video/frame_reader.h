// SPDX-License-Identifier: Apache-2.0
#pragma once

// One pass through the video stream of a file: packets to be counted, or frames in presentation
// order. Used by decoder.cpp; its tests compare the frames with those of the ffmpeg program.
//
//   FrameReader reader("clip.mp4", {});
//   while (const AVFrame* frame = reader.next()) ...
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "datasets/video/decoder.h"
#include "datasets/video/ffmpeg.h"

namespace permafrost {

// Not thread-safe; several readers may work at once, on the same file too.
class FrameReader {
 public:
  // Opens the file and chooses the stream. Throws InputError.
  FrameReader(const std::string& path, const DecodeOptions& options);
  FrameReader(const FrameReader&) = delete;  // FFmpeg holds its address
  FrameReader& operator=(const FrameReader&) = delete;

  // How many frames the packets from here to the end of the file promise. Decodes nothing and
  // leaves nothing to be decoded. Throws InputError where the file stalls.
  std::int64_t count_packets();

  // The next frame, valid until the next call; null at the end. Packets that cannot be decoded are
  // left out, as the ffmpeg program does. Throws InputError for an encrypted or unknown codec and
  // where the file stalls.
  const AVFrame* next();

  const AVFormatContext& container() const { return *input_; }
  const AVStream& stream() const { return *stream_; }
  bool still() const { return still_; }  // an image file
  std::int64_t packets() const { return packets_; }
  // What the decoder said about the first packet that it refused; empty if there was none.
  const std::string& first_error() const { return first_error_; }

 private:
  using Clock = std::chrono::steady_clock;
  [[noreturn]] void fail(const std::string& expected, const std::string& found) const;
  void open_file();
  void choose_stream();
  void open_decoder();
  bool read_packet();  // the next one of the stream; false at the end
  bool feed_decoder();
  void note_error(int status);
  void rest_clock();
  static int is_stalled(void* reader);

  std::string path_;
  DecodeOptions options_;
  std::chrono::duration<double> patience_;
  Clock::time_point deadline_;
  // Destroyed in reverse: the container before the file that it reads.
  FfmpegOwner<AVIOContext> file_;
  FfmpegOwner<AVFormatContext> input_;
  AVStream* stream_ = nullptr;
  FfmpegOwner<AVCodecContext> decoder_;
  FfmpegOwner<AVPacket> packet_;
  FfmpegOwner<AVFrame> frame_;
  bool still_ = false;
  bool draining_ = false;
  std::int64_t packets_ = 0;
  std::string first_error_;
};

}  // namespace permafrost
