// SPDX-License-Identifier: Apache-2.0
#pragma once

// The video stream of a file: its packets, noted and kept, and its frames in presentation order,
// from the start or from a packet on. Used by clip_decoding.cpp; its tests compare the frames with
// those of the ffmpeg program.
//
//   FrameReader reader("clip.mp4", {});
//   while (const AVFrame* frame = reader.next()) ...
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/images/ffmpeg.h"
#include "datasets/images/orientation.h"
#include "datasets/video/decoder.h"
#include "datasets/video/frame_index.h"

namespace permafrost {

// How much is found out before the first packet. Quick: of a container that says what a decoder
// needs, nothing more; frames may then come in another order than that of their time stamps, and
// must be checked by them. Of all other containers it is the same as full.
enum class Opening { full, quick };

// Not thread-safe; several readers may work at once, on the same file too.
class FrameReader {
 public:
  // Opens the file and chooses the stream. Throws InputError.
  FrameReader(const std::string& path, const DecodeOptions& options,
              Opening opening = Opening::full);
  FrameReader(const FrameReader&) = delete;  // FFmpeg holds its address
  FrameReader& operator=(const FrameReader&) = delete;

  // Reads all packets, before any is decoded, and keeps them for decoding where they take at most
  // DecodeOptions::kept_bytes; of a larger file they are read anew. Decodes nothing. Throws
  // InputError where the file stalls.
  void scan();
  // After scan(): of every packet, in the order of the file.
  const std::vector<PacketNote>& notes() const { return notes_; }
  // After scan(): how many frames the packets promise.
  std::int64_t promised() const;

  // After scan(): the next frame is the first that the decoder gives from this packet on. Packets
  // marked in `left_out` [notes().size()], if not empty, are not decoded.
  void start_at(std::size_t packet, std::vector<char> left_out = {});

  // The next frame, valid until the next call; null at the end. Packets that cannot be decoded are
  // left out, as the ffmpeg program does. Throws InputError for an encrypted or unknown codec and
  // where the file stalls.
  const AVFrame* next();

  const AVFormatContext& container() const { return *input_; }
  const AVStream& stream() const { return *stream_; }
  bool still() const { return still_; }  // an image file
  // How a picture file says that it is to be turned; empty for videos.
  std::optional<Orientation> picture() const;
  bool quick() const { return quick_; }  // nothing was found out by decoding
  std::int64_t packets() const { return packets_; }
  // Frames that the decoder had to fill in since the file was opened, and packets that the
  // container calls damaged.
  std::int64_t concealed() const { return concealed_; }
  std::int64_t damaged_packets() const { return damaged_packets_; }
  // What the decoder said about the first packet that it refused since the start of decoding; empty
  // if there was none.
  const std::string& first_error() const { return first_error_; }

 private:
  using Clock = std::chrono::steady_clock;
  [[noreturn]] void fail(const std::string& expected, const std::string& found) const;
  void open_file();
  bool describes_itself() const;
  void choose_stream();
  void open_decoder();
  AVStream* named_stream(const std::vector<int>& videos) const;
  void read_up();
  bool read_packet();  // the next one of the stream; false at the end
  bool take_packet();  // the next one to be decoded, kept or read
  PacketNote note_of(const AVPacket& packet) const;
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
  FfmpegOwner<AVCodecParameters> parameters_;  // as opened: reading on may change the stream's
  FfmpegOwner<AVCodecContext> decoder_;
  FfmpegOwner<AVPacket> packet_;
  FfmpegOwner<AVFrame> frame_;
  std::vector<PacketNote> notes_;
  std::vector<FfmpegOwner<AVPacket>> kept_;
  std::vector<char> left_out_;
  bool scanned_ = false;
  std::size_t position_ = 0;  // of the next packet to be decoded, among notes_
  std::size_t read_ = 0;      // packets of the stream that were read since the file was opened
  bool still_ = false;
  bool quick_ = false;
  bool draining_ = false;
  std::int64_t packets_ = 0, concealed_ = 0, damaged_packets_ = 0;
  std::string first_error_;
};

}  // namespace permafrost
