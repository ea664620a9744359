// SPDX-License-Identifier: Apache-2.0
#pragma once

// One file of a pack: frames of consecutive samples of a list, and an index behind them.
//
//   "PFSHARD1"                                   8 bytes
//   frames                                       one after the other, sample by sample
//   index                                        JSON: what every sample is, where its frames lie,
//                                                and the SHA-256 of each (its first 32 digits)
//   offset and size of the index                 two 64-bit little-endian numbers
//   SHA-256 of the index                         64 digits
//   "PFSHARD1"                                   8 bytes
//
// A frame is RGB bytes [height,width,3], or a JPEG picture of that size.
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/files/file_writer.h"
#include "datasets/target.h"

namespace permafrost {

enum class PackCoding { raw, jpeg };
std::string name_of(PackCoding coding);

// The first half of the SHA-256 of a frame. A large pack has many millions: they are kept as bytes.
using FrameHash = std::array<std::uint8_t, 16>;

// Where a frame lies, and what it must be.
struct PackedFrame {
  std::uint64_t offset = 0, bytes = 0;
  FrameHash hash{};
};

struct PackedSample {
  std::string name;  // as the list writes it
  Target target;
  std::int64_t group = 0;
  std::int64_t frames = 0;  // of the video; every n-th of them is stored
  int height = 0, width = 0;
  std::vector<PackedFrame> stored;
  std::string failure;  // why there are no frames; empty where there are
};

struct PackShardIndex {
  std::string plan;        // SHA-256 of what the pack is made of; see pack.h
  std::int64_t first = 0;  // number of the first sample in the list
  PackCoding coding = PackCoding::raw;
  std::vector<PackedSample> samples;
  std::string sha256;  // of the index as written
};

// Checks everything but the frames. Throws InputError naming `where`; no size is believed before it
// was compared with that of the file.
PackShardIndex read_pack_shard(std::string_view bytes, const std::string& where);

FrameHash frame_hash(std::string_view bytes);
std::string digits_of(const FrameHash& hash);  // 32 of them

// Writes a shard beside its place and renames it when it is whole. Not thread-safe.
class ShardWriter {
 public:
  // Throws InputError where the folder cannot be written to.
  ShardWriter(const std::filesystem::path& path, std::string plan, std::int64_t first,
              PackCoding coding);

  // A sample follows; its frames are then added one by one.
  void begin(PackedSample sample);
  void add_frame(std::string_view bytes);
  // The sample is whole: how many frames the video has, and the size of the stored ones.
  void end(std::int64_t frames, int height, int width);
  // Takes the frames of the sample back, as it fails.
  void fail(const std::string& reason);
  // Index, sync, rename. Throws Error.
  void finish();

 private:
  FileWriter file_;
  PackShardIndex index_;
};

}  // namespace permafrost
