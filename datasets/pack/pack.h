// SPDX-License-Identifier: Apache-2.0
#pragma once

// A list of videos or images, decoded once and kept as frames: a folder of shards (shard.h) and
// pack.json, which names them. Reading maps the shards; a frame is checked against its hash each
// time it is read.
//
//   const Pack pack("packs/train");
//   FrameDecoder decoder;
//   const ImageView frame = decoder.frame(pack, 17, 0);
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/json/json_object.h"
#include "datasets/frames/transform.h"
#include "datasets/images/jpeg.h"
#include "datasets/pack/shard.h"

namespace permafrost {

// What decides the frames of a pack, apart from the files.
struct PackSpec {
  PackCoding coding = PackCoding::raw;
  int short_side = 256;   // frames are made as small; smaller ones stay as they are
  int every = 1;          // of so many frames one is stored
  int quality = 90;       // of JPEG, 1 to 100
  bool antialias = true;  // see ViewSpec
  bool operator==(const PackSpec&) const = default;
};
Json to_json(const PackSpec& spec);

struct PackShard {
  std::string file;         // in the folder of the pack
  std::uint64_t bytes = 0;  // of the file
  std::int64_t samples = 0;
  std::string index_sha256;  // of its index, and so of every frame
};

struct PackInfo {
  PackSpec spec;
  std::string plan;           // SHA-256 over spec, transform version and list
  std::string list_identity;  // of the manifest that was packed
  std::string list_name;
  int classes = 0;
  std::vector<std::string> class_names;
  std::int64_t samples = 0, failures = 0;
  std::vector<PackShard> shards;
  std::string identity;  // SHA-256 over plan and shards: two packs of one identity are the same
};

// Whether a folder is a pack.
bool is_pack(const std::filesystem::path& folder);
// Whether it holds shards, or parts of them, but no pack.json: of a packing that was ended.
bool is_unfinished_pack(const std::filesystem::path& folder);
// pack.json alone, against its own checksum (older packs have none). Throws InputError.
PackInfo read_pack_info(const std::filesystem::path& folder);
PackInfo parse_pack_info(const Json& json, const std::string& where);
void write_pack_info(const std::filesystem::path& folder, const PackInfo& info);
std::string pack_plan(const PackSpec& spec, const std::string& list_identity);

// All shards mapped and their indices read. Thread-safe once made.
class Pack {
 public:
  // Throws InputError for a shard that is missing, of another size, or whose index is damaged.
  explicit Pack(std::filesystem::path folder);

  const PackInfo& info() const { return info_; }
  std::int64_t size() const { return static_cast<std::int64_t>(samples_.size()); }
  const PackedSample& sample(std::int64_t index) const;
  // The bytes of a stored frame. Throws InputError naming shard and sample where they are not what
  // was written.
  std::string_view frame_bytes(std::int64_t index, std::int64_t frame) const;

 private:
  struct Place {
    std::size_t shard = 0, in_shard = 0;
  };
  void open_shard(std::size_t shard);
  std::filesystem::path folder_;
  PackInfo info_;
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<PackShardIndex> indices_;
  std::vector<Place> samples_;
};

// What is wrong with a shard, a text each: the file as a whole (missing, cut, of another pack), or
// samples of it. Reads every frame. Thread-safe.
std::vector<std::string> shard_damage(const std::filesystem::path& folder, const PackShard& shard);

// Frames as pixels; keeps a JPEG decoder. Not thread-safe.
class FrameDecoder {
 public:
  // Valid until the next call. Throws InputError for damage.
  ImageView frame(const Pack& pack, std::int64_t index, std::int64_t frame);

 private:
  std::unique_ptr<JpegDecoder> jpeg_;
};

}  // namespace permafrost
