// SPDX-License-Identifier: Apache-2.0
#include "datasets/pack/pack.h"

#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "common/error.h"
#include "common/files/hash.h"
#include "common/machine/parallel.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr int kVersion = 1;

std::string identity_of(const PackInfo& info) {
  std::string text = "pack " + info.plan + "\n";
  for (const auto& shard : info.shards) text += shard.index_sha256 + "\n";
  return sha256_of(text);
}

// Over all fields, names of classes among them, which the identity leaves out.
std::string checksum_of(Json json) {
  json.erase("checksum");
  return sha256_of("pack.json " + json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

PackShardIndex read_index_of(const PackShard& shard, const MappedFile& file,
                             const std::string& where) {
  const std::string mend = "the shard is damaged; data pack writes it anew";
  if (file.size() != shard.bytes)
    throw InputError(where, "size", std::to_string(shard.bytes) + " bytes",
                     std::to_string(file.size()), mend);
  PackShardIndex index =
      read_pack_shard({reinterpret_cast<const char*>(file.data()), file.size()}, where);
  if (index.sha256 != shard.index_sha256)
    throw InputError(where, "index", "SHA-256 " + shard.index_sha256, index.sha256,
                     "the shard is of another pack");
  if (static_cast<std::int64_t>(index.samples.size()) != shard.samples)
    throw InputError(where, "samples", std::to_string(shard.samples),
                     std::to_string(index.samples.size()));
  return index;
}

// Throws InputError where the frame is not what was written.
std::string_view checked_frame(const MappedFile& file, const std::string& where,
                               const PackedSample& sample, std::size_t frame) {
  const PackedFrame& stored = sample.stored[frame];
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()) + stored.offset,
                               stored.bytes);
  if (frame_hash(bytes) != stored.hash)
    throw InputError(where, sample.name + ", frame " + std::to_string(frame),
                     "SHA-256 " + digits_of(stored.hash), digits_of(frame_hash(bytes)),
                     "the shard is damaged; remove it and pack again");
  return bytes;
}

PackSpec read_pack_spec(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  PackSpec spec;
  spec.coding =
      object.choice("coding", {"raw", "jpeg"}) == "raw" ? PackCoding::raw : PackCoding::jpeg;
  spec.short_side = static_cast<int>(object.integer("short_side", {}, 1, 16384));
  spec.every = static_cast<int>(object.integer("every", {}, 1, 1'000'000));
  spec.quality = static_cast<int>(object.integer("quality", spec.quality, 1, 100));
  spec.antialias = object.boolean("antialias");
  object.finish();
  return spec;
}

std::vector<PackShard> read_shards(const Json& json, const std::string& where) {
  if (!json.is_array()) throw InputError(where, "shards", "a list", json.type_name());
  std::vector<PackShard> shards;
  for (std::size_t k = 0; k < json.size(); ++k) {
    JsonObject object(json[k], where + ":/shards/" + std::to_string(k));
    PackShard shard;
    shard.file = object.text("file");
    shard.bytes = static_cast<std::uint64_t>(object.integer("bytes", {}, 0));
    shard.samples = object.integer("samples", {}, 0);
    shard.index_sha256 = object.text("index_sha256");
    object.finish();
    if (fs::path(shard.file).filename() != shard.file || shard.file.empty())
      throw InputError(object.where("file"), "", "a file in the folder of the pack",
                       quoted(shard.file));
    shards.push_back(std::move(shard));
  }
  return shards;
}

}  // namespace

Json to_json(const PackSpec& spec) {
  Json json = {{"coding", name_of(spec.coding)},
               {"short_side", spec.short_side},
               {"every", spec.every},
               {"antialias", spec.antialias}};
  if (spec.coding == PackCoding::jpeg) json["quality"] = spec.quality;
  return json;
}

std::string pack_plan(const PackSpec& spec, const std::string& list_identity) {
  return sha256_of("pack " + std::to_string(kVersion) + "\n" + to_json(spec).dump() + "\n" +
                   kTransformVersion + "\n" + list_identity + "\n");
}

bool is_pack(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / "pack.json", ignored);
}

bool is_unfinished_pack(const fs::path& folder) {
  if (is_pack(folder)) return false;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(".pfshard") || name.starts_with(".partial-shard-")) return true;
  }
  return false;
}

PackInfo read_pack_info(const fs::path& folder) {
  const std::string where = (folder / "pack.json").string();
  return parse_pack_info(read_json(where), where);
}

PackInfo parse_pack_info(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  PackInfo info;
  object.choice("format", {"permafrost pack"});
  object.integer("version", {}, kVersion, kVersion);
  const Json *spec = object.child("spec"), *shards = object.child("shards");
  if (spec == nullptr || shards == nullptr) throw InputError(where, "spec, shards", "both", "less");
  info.spec = read_pack_spec(*spec, object.where("spec"));
  info.shards = read_shards(*shards, where);
  info.plan = object.text("plan");
  info.list_identity = object.text("list_identity");
  info.list_name = object.text("list");
  info.classes = static_cast<int>(object.integer("classes", {}, 0, INT32_MAX));
  info.class_names = object.texts("class_names");
  info.samples = object.integer("samples", {}, 0);
  info.failures = object.integer("failures", {}, 0);
  info.identity = object.text("identity");
  const std::string checksum = object.text("checksum", "");
  object.finish();
  if (info.identity != identity_of(info))
    throw InputError(where, "identity", identity_of(info), info.identity, "the file is damaged");
  if (json.contains("checksum") && checksum != checksum_of(json))
    throw InputError(where, "checksum", checksum_of(json), checksum,
                     "the file was changed; data pack writes it anew");
  return info;
}

void write_pack_info(const fs::path& folder, const PackInfo& info) {
  OrderedJson shards = OrderedJson::array();
  for (const auto& shard : info.shards)
    shards.push_back({{"file", shard.file},
                      {"bytes", shard.bytes},
                      {"samples", shard.samples},
                      {"index_sha256", shard.index_sha256}});
  OrderedJson json = {{"format", "permafrost pack"},   {"version", kVersion},
                      {"spec", to_json(info.spec)},    {"plan", info.plan},
                      {"list", info.list_name},        {"list_identity", info.list_identity},
                      {"classes", info.classes},       {"class_names", info.class_names},
                      {"samples", info.samples},       {"failures", info.failures},
                      {"identity", identity_of(info)}, {"shards", shards}};
  const auto text = [&] { return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace); };
  // Of what a reader will see: names that are no UTF-8 are changed on the way.
  json["checksum"] = checksum_of(parse_json(text(), "pack.json"));
  write_file_atomically(folder / "pack.json", text() + "\n");
}

Pack::Pack(fs::path folder) : folder_(std::move(folder)), info_(read_pack_info(folder_)) {
  files_.resize(info_.shards.size());
  indices_.resize(info_.shards.size());
  parallel_for(static_cast<std::int64_t>(info_.shards.size()), available_threads(),
               [&](std::int64_t s) { open_shard(static_cast<std::size_t>(s)); });
  for (std::size_t s = 0; s < indices_.size(); ++s)
    for (std::size_t k = 0; k < indices_[s].samples.size(); ++k) samples_.push_back({s, k});
  if (size() != info_.samples)
    throw InputError((folder_ / "pack.json").string(), "samples", std::to_string(size()),
                     std::to_string(info_.samples));
}

void Pack::open_shard(std::size_t s) {
  const PackShard& shard = info_.shards[s];
  const fs::path path = folder_ / shard.file;
  files_[s] = std::make_unique<MappedFile>(path);
  indices_[s] = read_index_of(shard, *files_[s], path.string());
}

const PackedSample& Pack::sample(std::int64_t index) const {
  if (index < 0 || index >= size())
    throw InputError(folder_.string(), "sample", "0 to " + std::to_string(size() - 1),
                     std::to_string(index));
  const Place& place = samples_[static_cast<std::size_t>(index)];
  return indices_[place.shard].samples[place.in_shard];
}

std::string_view Pack::frame_bytes(std::int64_t index, std::int64_t frame) const {
  const PackedSample& packed = sample(index);
  if (frame < 0 || frame >= static_cast<std::int64_t>(packed.stored.size()))
    throw InputError(folder_.string() + ": " + packed.name, "frame",
                     "0 to " + std::to_string(packed.stored.size()) + " less one",
                     std::to_string(frame));
  const std::size_t shard = samples_[static_cast<std::size_t>(index)].shard;
  return checked_frame(*files_[shard], (folder_ / info_.shards[shard].file).string(), packed,
                       static_cast<std::size_t>(frame));
}

std::vector<std::string> shard_damage(const fs::path& folder, const PackShard& shard) {
  const std::string where = (folder / shard.file).string();
  std::vector<std::string> damaged;
  try {
    const MappedFile file(where);
    for (const auto& sample : read_index_of(shard, file, where).samples) {
      try {
        for (std::size_t k = 0; k < sample.stored.size(); ++k)
          checked_frame(file, where, sample, k);
      } catch (const InputError& error) {
        damaged.emplace_back(error.what());
      }
    }
  } catch (const InputError& error) {
    damaged.emplace_back(error.what());
  }
  return damaged;
}

ImageView FrameDecoder::frame(const Pack& pack, std::int64_t index, std::int64_t frame) {
  const PackedSample& sample = pack.sample(index);
  const std::string_view bytes = pack.frame_bytes(index, frame);
  if (pack.info().spec.coding == PackCoding::raw)
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), sample.height, sample.width,
            std::ptrdiff_t{3} * sample.width};
  if (!jpeg_) jpeg_ = std::make_unique<JpegDecoder>();
  const ImageView image = jpeg_->decode(bytes, sample.name);
  if (image.height != sample.height || image.width != sample.width)
    throw InputError(sample.name, "frame " + std::to_string(frame),
                     std::to_string(sample.height) + "x" + std::to_string(sample.width),
                     std::to_string(image.height) + "x" + std::to_string(image.width));
  return image;
}

}  // namespace permafrost
