// SPDX-License-Identifier: Apache-2.0
// check_file() through FFmpeg.
#include <algorithm>
#include <exception>
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
