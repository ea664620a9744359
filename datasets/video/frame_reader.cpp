// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/frame_reader.h"

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <new>
#include <string_view>
#include <system_error>

#include "common/error.h"

namespace permafrost {
namespace {

// Frames of more pixels than 8192x8192 are refused before memory is taken for them.
constexpr std::int64_t kMostPixels = std::int64_t{8192} * 8192;
// A decoder that is being emptied and fails so often has nothing more to give.
constexpr int kMostErrorsAtEnd = 256;

void silence_ffmpeg() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_level(AV_LOG_QUIET); });
}

// Playlists and reference movies name other files; an untrusted file must not make us read them.
int refuse_to_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EACCES);
}

template <typename T>
T* allocated(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

// The prefix keeps a path such as "http:x" or "concat:a|b" a path.
std::string ffmpeg_address(const std::string& path, const FilePart& range) {
  if (!range.is_part()) return "file:" + path;
  return "subfile,,start," + std::to_string(range.offset) + ",end," +
         std::to_string(range.offset + range.bytes) + ",,:file:" + path;
}

std::string codec_name(const AVStream& stream) {
  return quoted(avcodec_get_name(stream.codecpar->codec_id));
}

}  // namespace

FrameReader::FrameReader(const std::string& path, const DecodeOptions& options)
    : path_(path), options_(options), patience_(options.stall_seconds) {
  silence_ffmpeg();
  rest_clock();
  packet_.reset(allocated(av_packet_alloc()));
  frame_.reset(allocated(av_frame_alloc()));
  open_file();
  choose_stream();
}

void FrameReader::fail(const std::string& expected, const std::string& found) const {
  throw InputError(path_, "video stream", expected, found);
}

void FrameReader::rest_clock() {
  deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience_);
}

int FrameReader::is_stalled(void* reader) {
  return Clock::now() > static_cast<const FrameReader*>(reader)->deadline_ ? 1 : 0;
}

void FrameReader::open_file() {
  const std::string expected = "a readable video or image file";
  std::error_code error;
  const auto kind = std::filesystem::status(path_, error).type();
  if (kind == std::filesystem::file_type::not_found) fail(expected, "no such file");
  // Pipes and devices may block for ever before FFmpeg has a say.
  if (kind != std::filesystem::file_type::regular) fail(expected, "no regular file");
  const AVIOInterruptCB interrupt{&FrameReader::is_stalled, this};
  AVIOContext* file = nullptr;
  int status = avio_open2(&file, ffmpeg_address(path_, options_.range).c_str(), AVIO_FLAG_READ,
                          &interrupt, nullptr);
  if (status < 0) fail(expected, ffmpeg_reason(status));
  file_.reset(file);

  AVFormatContext* input = allocated(avformat_alloc_context());
  input->pb = file;
  input->flags |= AVFMT_FLAG_CUSTOM_IO;
  input->interrupt_callback = interrupt;
  input->io_open = &refuse_to_open;
  input->protocol_whitelist = allocated(av_strdup("none"));  // for demuxers that go past io_open
  status = avformat_open_input(&input, path_.c_str(), nullptr, nullptr);  // frees it on failure
  if (status < 0) fail(expected, ffmpeg_reason(status));
  input_.reset(input);
  status = avformat_find_stream_info(input, nullptr);
  if (status < 0) fail(expected, ffmpeg_reason(status));
  still_ = std::string_view(input->iformat->name).ends_with("_pipe");
}

void FrameReader::choose_stream() {
  AVStream* cover = nullptr;
  for (unsigned k = 0; k < input_->nb_streams; ++k) {
    AVStream* stream = input_->streams[k];
    stream->discard = AVDISCARD_ALL;
    if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO) continue;
    const bool is_cover = (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
    AVStream*& slot = is_cover ? cover : stream_;
    if (slot == nullptr) slot = stream;
  }
  // A file with nothing but cover art is shown as that image.
  if (stream_ == nullptr) stream_ = cover;
  if (stream_ == nullptr) {
    fail("one", "none among " + std::to_string(input_->nb_streams) + " streams of container " +
                    quoted(input_->iformat->name));
  }
  stream_->discard = AVDISCARD_DEFAULT;
}

void FrameReader::open_decoder() {
  const AVCodec* codec = avcodec_find_decoder(stream_->codecpar->codec_id);
  if (codec == nullptr) fail("a codec that this FFmpeg can decode", codec_name(*stream_));
  decoder_.reset(allocated(avcodec_alloc_context3(codec)));
  int status = avcodec_parameters_to_context(decoder_.get(), stream_->codecpar);
  decoder_->thread_count = 1;  // clips are decoded side by side; and one thread has one result
  decoder_->pkt_timebase = stream_->time_base;
  decoder_->max_pixels = kMostPixels;
  if (status >= 0) status = avcodec_open2(decoder_.get(), codec, nullptr);
  if (status < 0) fail("a stream of codec " + codec_name(*stream_), ffmpeg_reason(status));
}

bool FrameReader::read_packet() {
  for (;;) {
    av_packet_unref(packet_.get());
    const int status = av_read_frame(input_.get(), packet_.get());
    if (is_stalled(this) != 0) {
      fail("data at least every " + std::to_string(patience_.count()) + " s", "none");
    }
    if (status == AVERROR(EAGAIN)) continue;
    if (status < 0) return false;
    rest_clock();
    if (packet_->stream_index != stream_->index) continue;
    if (av_packet_get_side_data(packet_.get(), AV_PKT_DATA_ENCRYPTION_INFO, nullptr) != nullptr) {
      fail("a stream that is not encrypted", "encrypted packets");
    }
    return true;
  }
}

std::int64_t FrameReader::count_packets() {
  std::int64_t count = 0;
  while (read_packet()) {
    // Packets outside of the edit list are decoded but not shown.
    if ((packet_->flags & AV_PKT_FLAG_DISCARD) == 0 && packet_->size > 0) ++count;
  }
  return count;
}

void FrameReader::note_error(int status) {
  if (first_error_.empty()) first_error_ = ffmpeg_reason(status);
}

bool FrameReader::feed_decoder() {
  if (draining_) return false;
  const bool more = read_packet();
  if (more) ++packets_;
  draining_ = !more;
  const int status = avcodec_send_packet(decoder_.get(), more ? packet_.get() : nullptr);
  if (status == AVERROR(ENOMEM)) throw std::bad_alloc();
  if (status < 0 && more) note_error(status);
  return true;
}

const AVFrame* FrameReader::next() {
  if (!decoder_) open_decoder();
  for (int errors_at_end = 0; errors_at_end < kMostErrorsAtEnd;) {
    const int status = avcodec_receive_frame(decoder_.get(), frame_.get());
    if (status >= 0) return frame_.get();
    if (status == AVERROR(ENOMEM)) throw std::bad_alloc();
    if (status == AVERROR_EOF) return nullptr;
    if (status != AVERROR(EAGAIN)) note_error(status);
    if (!feed_decoder()) ++errors_at_end;
  }
  return nullptr;
}

}  // namespace permafrost
