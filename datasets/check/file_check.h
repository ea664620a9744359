// SPDX-License-Identifier: Apache-2.0
#pragma once

// What one file of a list turns out to be when all of it is decoded.
//
//   const FileCheck check = check_file("clip.mp4");
//   if (check.state != FileState::whole) report(check.reason);
#include <cstdint>
#include <filesystem>
#include <string>

#include "common/json/json_object.h"
#include "datasets/images/file_part.h"

namespace permafrost {

enum class FileState {
  whole,
  damaged,     // some frames are there, but not what the file promises, or with errors
  unreadable,  // no frame can be decoded
  missing      // no such file
};

// "whole", "damaged", ...; and back. Throws InputError naming `where` for another name.
std::string name_of(FileState state);
FileState file_state_named(const std::string& name, const std::string& where);

struct FileCheck {
  FileState state = FileState::whole;
  std::string reason;                  // of what is not whole
  std::int64_t bytes = 0, frames = 0;  // as decoded
  int width = 0, height = 0;           // upright
  double fps = 0, duration = 0;        // 0: not known; seconds
  std::string codec;
  bool still = false;  // an image
  std::string sha256;  // of the bytes; of a folder, over the hashes of its frames
  bool operator==(const FileCheck&) const = default;
};

Json to_json(const FileCheck& check);
FileCheck read_file_check(const Json& json, const std::string& where);

// Decodes all of a video, an image, a member of an archive, or a folder of frames. Throws Error
// only in a build without FFmpeg: whatever the file is, it is told.
FileCheck check_file(const std::filesystem::path& path, const FilePart& range = {});

}  // namespace permafrost
