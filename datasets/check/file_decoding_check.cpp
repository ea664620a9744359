// SPDX-License-Identifier: Apache-2.0
// check_file() through FFmpeg.
#include <algorithm>
#include <bit>
#include <exception>
#include <optional>
#include <string_view>
#include <system_error>

#include "common/error.h"
#include "common/files/files.h"
#include "common/files/hash.h"
#include "datasets/check/file_check.h"
#include "datasets/video/decoder.h"
#include "datasets/video/frame_folder.h"
#include "datasets/video/frame_reader.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

// Without the path in front: the report names the file beside.
std::string reason_of(const std::exception& error, const std::string& path) {
  const std::string text = error.what();
  return text.starts_with(path + ": ") ? text.substr(path.size() + 2) : text;
}

std::string sha256_of_part(const fs::path& path, const FilePart& range) {
  const MappedFile file(path);
  if (range.offset < 0 || range.bytes > static_cast<std::int64_t>(file.size()) - range.offset)
    throw InputError(path.string(), "member", "one inside of the archive",
                     "bytes " + std::to_string(range.offset) + " to " +
                         std::to_string(range.offset + range.bytes));
  return sha256_of({reinterpret_cast<const char*>(file.data()) + range.offset,
                    static_cast<std::size_t>(range.bytes)});
}

// The bytes by which a transport stream ends in the middle of a packet of 188 bytes, or of 192 with
// a time stamp; 0 for a whole one.
std::size_t bytes_of_cut_packet(std::string_view file) {
  constexpr char kSync = 0x47;
  for (const std::size_t packet : {188, 192}) {
    const std::size_t first = packet - 188;
    if (file.size() > first + 2 * packet && file[first] == kSync && file[first + packet] == kSync &&
        file[first + 2 * packet] == kSync)
      return file.size() % packet;
  }
  return 0;
}

// The number behind an EBML name, whose first byte tells how many bytes it has. Empty where it is
// cut, or where the writer did not know it.
std::optional<std::uint64_t> ebml_size(std::string_view text) {
  if (text.empty() || text[0] == 0) return std::nullopt;
  const int bytes = std::countl_zero(static_cast<std::uint8_t>(text[0])) + 1;
  if (text.size() < static_cast<std::size_t>(bytes)) return std::nullopt;
  std::uint64_t size = static_cast<std::uint8_t>(text[0]) & (0xFF >> bytes), all = 0xFF >> bytes;
  for (int k = 1; k < bytes; ++k) {
    size = size << 8 | static_cast<std::uint8_t>(text[static_cast<std::size_t>(k)]);
    all = all << 8 | 0xFF;
  }
  return size == all ? std::nullopt : std::optional(size);
}

// How many bytes a Matroska or WebM file lacks of what its head promises.
std::uint64_t lacking_matroska_bytes(std::string_view file) {
  const auto head = ebml_size(file.substr(std::min<std::size_t>(4, file.size())));
  if (!file.starts_with("\x1A\x45\xDF\xA3") || !head) return 0;
  const auto width = [&](std::size_t at) {
    return static_cast<std::size_t>(std::countl_zero(static_cast<std::uint8_t>(file[at])) + 1);
  };
  if (*head > file.size()) return 0;
  const std::size_t segment = 4 + width(4) + static_cast<std::size_t>(*head);
  if (segment + 5 > file.size() || file.substr(segment, 4) != "\x18\x53\x80\x67") return 0;
  const auto size = ebml_size(file.substr(segment + 4));
  const std::size_t begin = segment + 4 + width(segment + 4);
  if (!size || begin > file.size() || *size <= file.size() - begin) return 0;
  return *size - (file.size() - begin);
}

// Why a video of which all frames were decoded is damaged all the same; empty where it is not.
std::string damage_of(const FrameReader& reader, const fs::path& path, const FilePart& range) {
  if (reader.concealed() > 0)
    return "parts of " + std::to_string(reader.concealed()) +
           " frames are lost, and were filled in by the decoder";
  if (reader.damaged_packets() > 0)
    return std::to_string(reader.damaged_packets()) + " packets of the container are damaged";
  const MappedFile file(path);
  std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  if (range.is_part())
    bytes = bytes.substr(std::min(bytes.size(), static_cast<std::size_t>(range.offset)),
                         static_cast<std::size_t>(range.bytes));
  if (const std::size_t left = bytes_of_cut_packet(bytes); left > 0)
    return "cut short: the last packet of the transport stream has " + std::to_string(left) +
           " bytes";
  if (const std::uint64_t lacking = lacking_matroska_bytes(bytes); lacking > 0)
    return "cut short: " + std::to_string(lacking) + " bytes that its head promises are not there";
  return "";
}

void decode_all(const fs::path& path, const FilePart& range, FileCheck& check) {
  const DecodeOptions options{.range = range};
  const VideoInfo info = probe_video(path.string(), false, options);
  check.width = info.width;
  check.height = info.height;
  check.fps = info.fps;
  check.duration = info.duration;
  check.codec = info.codec;
  check.still = info.still;
  FrameReader reader(path.string(), options);
  while (reader.next() != nullptr) {
    ++check.frames;
    if (info.still) break;
  }
  if (check.frames == 0) {
    check.state = FileState::unreadable;
    check.reason = "none of " + std::to_string(info.frames) + " frames can be decoded";
  } else if (!reader.first_error().empty()) {
    check.state = FileState::damaged;
    check.reason = "decoder: " + reader.first_error();
  } else if (check.frames < info.frames) {
    check.state = FileState::damaged;
    check.reason = std::to_string(info.frames - check.frames) + " of " +
                   std::to_string(info.frames) + " frames cannot be decoded";
  }
  if (check.state == FileState::whole && !info.still) check.reason = damage_of(reader, path, range);
  if (!check.reason.empty() && check.frames > 0) check.state = FileState::damaged;
  // Known to AVI, MP4 and their like: the file was cut short where it holds fewer packets.
  if (const auto told = reader.stream().nb_frames;
      check.state == FileState::whole && !info.still && told > reader.packets()) {
    check.state = FileState::damaged;
    check.reason = "the container tells of " + std::to_string(told) + " frames, " +
                   std::to_string(reader.packets()) + " are there";
  }
  if (!reader.first_error().empty() && check.frames == 0)
    check.reason += ": " + reader.first_error();
}

FileCheck check_frame_folder(const fs::path& folder) {
  FileCheck sum;
  Sha256 hash;
  const FrameListing listing = list_frame_files(folder);
  for (const auto& file : listing.files) {
    const FileCheck frame = check_file(file);
    hash.add(frame.sha256 + "\n");
    sum.bytes += frame.bytes;
    if (frame.state == FileState::whole && sum.frames++ == 0) {
      sum.width = frame.width;
      sum.height = frame.height;
      sum.codec = frame.codec;
    }
    if (frame.state != FileState::whole && sum.state == FileState::whole) {
      sum.state = FileState::damaged;
      sum.reason = file.filename().string() + ": " + frame.reason;
    }
  }
  if (!listing.gap.empty() && sum.state == FileState::whole) {
    sum.state = FileState::damaged;
    sum.reason = "numbers with a gap: " + listing.gap;
  }
  if (sum.frames == 0) sum.state = FileState::unreadable;
  if (sum.frames == 0 && sum.reason.empty()) sum.reason = "a folder without image files";
  sum.sha256 = hash.hex();
  return sum;
}

}  // namespace

FileCheck check_file(const fs::path& path, const FilePart& range) {
  std::error_code error;
  const auto kind = fs::status(path, error).type();
  if (kind == fs::file_type::directory) return check_frame_folder(path);
  FileCheck check;
  if (kind == fs::file_type::not_found) {
    check.state = FileState::missing;
    check.reason = "no such file";
    return check;
  }
  try {
    check.bytes = range.is_part() ? range.bytes : static_cast<std::int64_t>(fs::file_size(path));
    check.sha256 = range.is_part() ? sha256_of_part(path, range) : sha256_of_file(path);
    decode_all(path, range, check);
  } catch (const std::exception& failure) {
    check.state = check.frames > 0 ? FileState::damaged : FileState::unreadable;
    check.reason = reason_of(failure, path.string());
  }
  return check;
}

}  // namespace permafrost
