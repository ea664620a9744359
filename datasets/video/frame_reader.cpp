// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/frame_reader.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <new>
#include <span>
#include <string_view>
#include <system_error>

#include "common/error.h"
#include "common/files/files.h"
#include "datasets/video/packet_units.h"

namespace permafrost {
namespace {

// Frames of more pixels than 8192x8192 are refused before memory is taken for them.
constexpr std::int64_t kMostPixels = std::int64_t{8192} * 8192;
// What a packet takes beside its bytes: without it, a file of tiny packets would take many times
// its own size.
constexpr std::int64_t kPacketOverhead = 512;
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

std::span<const std::uint8_t> bytes_of(const AVPacket& packet) {
  return {packet.data, static_cast<std::size_t>(packet.size)};
}

std::span<const std::uint8_t> bytes_of(const AVCodecParameters& parameters) {
  return {parameters.extradata, static_cast<std::size_t>(parameters.extradata_size)};
}

std::string codec_name(const AVStream& stream) {
  return quoted(avcodec_get_name(stream.codecpar->codec_id));
}

// A file in memory, or the part of it that is read as one.
struct FileBytes {
  std::unique_ptr<MappedFile> file;
  std::string_view text;
};

FileBytes bytes_of_file(const std::string& path, const FilePart& range) {
  FileBytes bytes{std::make_unique<MappedFile>(path), {}};
  bytes.text = {reinterpret_cast<const char*>(bytes.file->data()), bytes.file->size()};
  if (!range.is_part()) return bytes;
  const auto begin = std::min(static_cast<std::size_t>(range.offset), bytes.text.size());
  bytes.text = bytes.text.substr(begin, static_cast<std::size_t>(range.bytes));
  return bytes;
}

// What often stands in the place of a video, where FFmpeg knows only that it is none.
std::string known_mistake(const std::string& path, const FilePart& range) {
  const FileBytes bytes = bytes_of_file(path, range);
  if (bytes.text.empty()) return "an empty file";
  if (bytes.text.starts_with("version https://git-lfs"))
    return "a pointer of Git LFS, not the file itself (git lfs pull fetches it)";
  if (bytes.text.starts_with("<!DOCTYPE") || bytes.text.starts_with("<!doctype") ||
      bytes.text.starts_with("<html"))
    return "a web page, as a download that failed leaves it";
  if (bytes.text.find_first_not_of('\0') == std::string_view::npos)
    return "zeros alone, as a copy that was ended leaves them";
  return "";
}

// By its first bytes, as names lie. FFmpeg goes by the name where the first 2 KB do not tell, and
// takes what it then reads for a film of one frame. Raw Motion JPEG begins the same way.
bool is_jpeg(AVIOContext& file, const std::string& path) {
  std::array<std::uint8_t, 3> start{};
  const int read = avio_read(&file, start.data(), static_cast<int>(start.size()));
  const bool back = avio_seek(&file, 0, SEEK_SET) == 0;
  const std::string ending = std::filesystem::path(path).extension().string();
  return back && read == 3 && start[0] == 0xFF && start[1] == 0xD8 && start[2] == 0xFF &&
         ending != ".mjpeg" && ending != ".mjpg";
}

}  // namespace

FrameReader::FrameReader(const std::string& path, const DecodeOptions& options, Opening opening)
    : path_(path),
      options_(options),
      patience_(options.stall_seconds),
      quick_(opening == Opening::quick) {
  silence_ffmpeg();
  rest_clock();
  packet_.reset(allocated(av_packet_alloc()));
  frame_.reset(allocated(av_frame_alloc()));
  open_file();
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
  const AVInputFormat* known = is_jpeg(*file, path_) ? av_find_input_format("jpeg_pipe") : nullptr;
  status = avformat_open_input(&input, path_.c_str(), known, nullptr);  // frees it on failure
  if (status < 0) {
    const std::string mistake = known_mistake(path_, options_.range);
    fail(expected, mistake.empty() ? ffmpeg_reason(status) : mistake);
  }
  input_.reset(input);
  const std::string_view name = input->iformat->name;
  const AVDictionaryEntry* brand = av_dict_get(input->metadata, "major_brand", nullptr, 0);
  still_ = name.ends_with("_pipe") || name == "image2" ||
           (brand != nullptr && is_picture_brand(brand->value));
  // FFmpeg would tell of a picture without size, or of damage.
  if (name == "webp_pipe" && is_animated_webp(bytes_of_file(path_, options_.range).text))
    fail("a still picture or a video", "an animated WebP, which is not supported");
  quick_ = quick_ && describes_itself();
  // The container marks its key frames; nothing is gained by looking into every picture's head.
  if (quick_) input->flags |= AVFMT_FLAG_NOPARSE;
  if (!quick_) status = avformat_find_stream_info(input, nullptr);
  if (status < 0) fail(expected, ffmpeg_reason(status));
  choose_stream();
}

std::optional<Orientation> FrameReader::picture() const {
  if (!still_) return std::nullopt;
  return picture_orientation(bytes_of_file(path_, options_.range).text);
}

// Whether the container says all that a decoder needs. What FFmpeg would find out by decoding the
// first frames is then how far they are reordered, which our numbers do not rest on.
bool FrameReader::describes_itself() const {
  const std::string_view name = input_->iformat->name;
  if (name != "matroska,webm" && !name.starts_with("mov,")) return false;
  for (unsigned k = 0; k < input_->nb_streams; ++k) {
    const AVCodecParameters& stream = *input_->streams[k]->codecpar;
    if (stream.codec_type == AVMEDIA_TYPE_UNKNOWN) return false;
    if (stream.codec_type != AVMEDIA_TYPE_VIDEO) continue;
    const bool from_record =
        stream.codec_id == AV_CODEC_ID_H264 || stream.codec_id == AV_CODEC_ID_HEVC;
    const bool by_itself = stream.codec_id == AV_CODEC_ID_VP9 || stream.codec_id == AV_CODEC_ID_AV1;
    if (stream.width < 1 || stream.height < 1) return false;
    if (!by_itself && !(from_record && stream.extradata_size > 0)) return false;
  }
  return true;
}

AVStream* FrameReader::named_stream(const std::vector<int>& videos) const {
  const int number = options_.stream;
  if (std::find(videos.begin(), videos.end(), number) != videos.end())
    return input_->streams[number];
  std::string expected = "the number of a video stream (";
  for (const int video : videos)
    expected += (video == videos[0] ? "" : ", ") + std::to_string(video);
  const bool there = number < static_cast<int>(input_->nb_streams);
  const char* kind =
      there ? av_get_media_type_string(input_->streams[number]->codecpar->codec_type) : nullptr;
  throw InputError(path_, "stream", videos.empty() ? "a video stream" : expected + ")",
                   std::to_string(number) +
                       (there ? std::string(", which is ") + (kind ? kind : "of unknown kind")
                              : " of " + std::to_string(input_->nb_streams) + " streams"));
}

void FrameReader::choose_stream() {
  AVStream *cover = nullptr, *marked = nullptr;
  std::vector<int> videos;
  for (unsigned k = 0; k < input_->nb_streams; ++k) {
    AVStream* stream = input_->streams[k];
    stream->discard = AVDISCARD_ALL;
    if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO) continue;
    videos.push_back(static_cast<int>(k));
    const bool is_cover = (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
    AVStream*& slot = is_cover ? cover : stream_;
    if (slot == nullptr) slot = stream;
    const bool is_default = (stream->disposition & AV_DISPOSITION_DEFAULT) != 0;
    if (is_default && !is_cover && marked == nullptr) marked = stream;
  }
  if (marked != nullptr) stream_ = marked;
  // A file with nothing but cover art is shown as that image.
  if (stream_ == nullptr) stream_ = cover;
  if (options_.stream >= 0) stream_ = named_stream(videos);
  if (stream_ == nullptr) {
    fail("one", "none among " + std::to_string(input_->nb_streams) + " streams of container " +
                    quoted(input_->iformat->name));
  }
  stream_->discard = AVDISCARD_DEFAULT;
  parameters_.reset(allocated(avcodec_parameters_alloc()));
  if (avcodec_parameters_copy(parameters_.get(), stream_->codecpar) < 0) throw std::bad_alloc();
}

void FrameReader::open_decoder() {
  const AVCodec* codec = avcodec_find_decoder(stream_->codecpar->codec_id);
  if (codec == nullptr) fail("a codec that this FFmpeg can decode", codec_name(*stream_));
  decoder_.reset(allocated(avcodec_alloc_context3(codec)));
  int status = avcodec_parameters_to_context(decoder_.get(), parameters_.get());
  decoder_->thread_count = 1;  // clips are decoded side by side; and one thread has one result
  decoder_->pkt_timebase = stream_->time_base;
  decoder_->max_pixels = kMostPixels;
  // A photo that was cut short would come out grey below the cut, and without an error.
  if (still_ && codec->id == AV_CODEC_ID_MJPEG) decoder_->err_recognition |= AV_EF_EXPLODE;
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
    ++read_;
    damaged_packets_ += (packet_->flags & AV_PKT_FLAG_CORRUPT) != 0 ? 1 : 0;
    if (av_packet_get_side_data(packet_.get(), AV_PKT_DATA_ENCRYPTION_INFO, nullptr) != nullptr) {
      fail("a stream that is not encrypted", "encrypted packets");
    }
    return true;
  }
}

PacketNote FrameReader::note_of(const AVPacket& packet) const {
  PacketNote note;
  if (packet.pts != AV_NOPTS_VALUE) note.time = packet.pts;
  note.bytes = packet.size;
  note.key = (packet.flags & AV_PKT_FLAG_KEY) != 0;
  note.shown = (packet.flags & AV_PKT_FLAG_DISCARD) == 0;
  note.damaged = (packet.flags & AV_PKT_FLAG_CORRUPT) != 0 || packet.size == 0;
  note.changes_codec =
      av_packet_get_side_data(&packet, AV_PKT_DATA_NEW_EXTRADATA, nullptr) != nullptr ||
      av_packet_get_side_data(&packet, AV_PKT_DATA_PARAM_CHANGE, nullptr) != nullptr;
  const bool h264 = parameters_->codec_id == AV_CODEC_ID_H264;
  if (!h264 && parameters_->codec_id != AV_CODEC_ID_HEVC) return note;
  const UnitCodec codec = h264 ? UnitCodec::h264 : UnitCodec::hevc;
  const int length_bytes = unit_length_bytes(bytes_of(*parameters_), codec);
  const PacketUnits units = packet_units(bytes_of(packet), codec, length_bytes);
  note.damaged |= !units.well_formed;
  note.parameter_sets = units.parameter_sets;
  note.unreferenced = units.unreferenced;
  note.refresh = units.refresh || !h264;
  return note;
}

void FrameReader::scan() {
  std::int64_t bytes = 0;
  bool keep = true;
  while (read_packet()) {
    notes_.push_back(note_of(*packet_));
    bytes += packet_->size + kPacketOverhead;
    if (keep && bytes <= options_.kept_bytes) {
      kept_.emplace_back(allocated(av_packet_alloc()));
      av_packet_move_ref(kept_.back().get(), packet_.get());
    } else if (keep) {
      keep = false;
      kept_.clear();
    }
  }
  scanned_ = true;
}

std::int64_t FrameReader::promised() const {
  // Packets outside of the edit list are decoded but not shown.
  return std::count_if(notes_.begin(), notes_.end(),
                       [](const PacketNote& note) { return note.shown && note.bytes > 0; });
}

void FrameReader::start_at(std::size_t packet, std::vector<char> left_out) {
  left_out_ = std::move(left_out);
  if (decoder_) avcodec_flush_buffers(decoder_.get());
  draining_ = false;
  first_error_.clear();
  position_ = packet;
}

// To the packet at position_, where packets are not kept.
void FrameReader::read_up() {
  if (read_ > position_) {
    input_.reset();
    file_.reset();
    stream_ = nullptr;
    open_file();
    read_ = 0;
  }
  while (read_ <= position_)
    if (!read_packet()) fail("the packets that were there before", "fewer");
}

bool FrameReader::take_packet() {
  if (!scanned_) return read_packet();
  while (position_ < notes_.size() && position_ < left_out_.size() && left_out_[position_] != 0)
    ++position_;
  if (position_ >= notes_.size()) return false;
  if (kept_.empty()) {
    read_up();
  } else {
    av_packet_unref(packet_.get());
    if (av_packet_ref(packet_.get(), kept_[position_].get()) < 0) throw std::bad_alloc();
  }
  ++position_;
  return true;
}

void FrameReader::note_error(int status) {
  if (first_error_.empty()) first_error_ = ffmpeg_reason(status);
}

bool FrameReader::feed_decoder() {
  if (draining_) return false;
  const bool more = take_packet();
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
    if (status >= 0) {
      concealed_ += frame_->decode_error_flags != 0 ? 1 : 0;
      return frame_.get();
    }
    if (status == AVERROR(ENOMEM)) throw std::bad_alloc();
    if (status == AVERROR_EOF) return nullptr;
    if (status != AVERROR(EAGAIN)) note_error(status);
    if (!feed_decoder()) ++errors_at_end;
  }
  return nullptr;
}

}  // namespace permafrost
