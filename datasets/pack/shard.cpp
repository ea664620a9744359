// SPDX-License-Identifier: Apache-2.0
#include "datasets/pack/shard.h"

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files/hash.h"
#include "common/json/json_object.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMagic = "PFSHARD1";
constexpr std::size_t kDigits = 64, kHashDigits = 32;
constexpr std::size_t kFooter = 16 + kDigits + kMagic.size();
constexpr int kMostSide = 16384;

std::string number_bytes(std::uint64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

std::uint64_t number_at(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t k = 0; k < 8; ++k)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[k])} << 8 * k;
  return value;
}

FrameHash hash_of(const std::string& digits, const std::string& where) {
  FrameHash hash{};
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  if (digits.size() != kHashDigits ||
      digits.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw InputError(where, "hashes", "32 hexadecimal digits", quoted(digits));
  for (std::size_t k = 0; k < hash.size(); ++k)
    hash[k] = static_cast<std::uint8_t>(value(digits[2 * k]) << 4 | value(digits[2 * k + 1]));
  return hash;
}

PackCoding coding_of(JsonObject& object) {
  return object.choice("coding", {"raw", "jpeg"}) == "raw" ? PackCoding::raw : PackCoding::jpeg;
}

// Frames lie one after the other from `offset`; `end` is where frames must have ended.
void read_frames_of(JsonObject& object, const std::string& where, PackCoding coding,
                    std::uint64_t end, PackedSample& sample) {
  const auto hashes = object.texts("hashes");
  const auto most = static_cast<std::int64_t>(end);
  auto offset = static_cast<std::uint64_t>(
      object.integer("offset", {}, static_cast<std::int64_t>(kMagic.size()), most));
  std::vector<std::int64_t> sizes;
  if (coding == PackCoding::jpeg) {
    sizes = object.integers("sizes");
    if (sizes.size() != hashes.size())
      throw InputError(where, "sizes", std::to_string(hashes.size()) + ", one a frame",
                       std::to_string(sizes.size()));
  }
  const std::int64_t raw = std::int64_t{3} * sample.height * sample.width;
  for (std::size_t k = 0; k < hashes.size(); ++k) {
    const std::int64_t bytes = coding == PackCoding::jpeg ? sizes[k] : raw;
    if (bytes < 1 || static_cast<std::uint64_t>(bytes) > end - offset)
      throw InputError(where, "frame " + std::to_string(k),
                       "1 to " + std::to_string(end - offset) + " bytes", std::to_string(bytes));
    sample.stored.push_back({offset, static_cast<std::uint64_t>(bytes), hash_of(hashes[k], where)});
    offset += static_cast<std::uint64_t>(bytes);
  }
}

// "label", or "labels" of several.
Target read_target(JsonObject& object) {
  if (!object.has("labels")) return static_cast<int>(object.integer("label", {}, -1, INT32_MAX));
  std::vector<int> labels;
  for (const auto label : object.integers("labels")) {
    if (label < 0 || label > INT32_MAX)
      throw InputError(object.where("labels"), "", "whole numbers from 0", std::to_string(label));
    labels.push_back(static_cast<int>(label));
  }
  return Target::of_set(std::move(labels));
}

PackedSample read_sample(const Json& json, const std::string& where, PackCoding coding,
                         std::uint64_t end) {
  JsonObject object(json, where);
  PackedSample sample;
  sample.name = object.text("name");
  sample.target = read_target(object);
  sample.group = object.integer("group", {}, 0);
  sample.failure = object.text("failure", "");
  if (sample.failure.empty()) {
    sample.frames = object.integer("frames", {}, 1);
    sample.height = static_cast<int>(object.integer("height", {}, 1, kMostSide));
    sample.width = static_cast<int>(object.integer("width", {}, 1, kMostSide));
    read_frames_of(object, where, coding, end, sample);
    const auto stored = static_cast<std::int64_t>(sample.stored.size());
    if (stored < 1 || stored > sample.frames)
      throw InputError(where, "hashes", "1 to " + std::to_string(sample.frames) + " frames",
                       std::to_string(stored));
  }
  object.finish();
  return sample;
}

Json to_json(const PackedSample& sample, PackCoding coding) {
  Json json = {{"name", sample.name}, {"group", sample.group}};
  if (sample.target.kind() == TargetKind::class_set)
    json["labels"] = sample.target.labels();
  else
    json["label"] = sample.target.label();
  if (!sample.failure.empty()) {
    json["failure"] = sample.failure;
    return json;
  }
  json["frames"] = sample.frames;
  json["height"] = sample.height;
  json["width"] = sample.width;
  json["offset"] = sample.stored.front().offset;
  Json hashes = Json::array(), sizes = Json::array();
  for (const auto& frame : sample.stored) {
    hashes.push_back(digits_of(frame.hash));
    sizes.push_back(frame.bytes);
  }
  json["hashes"] = std::move(hashes);
  if (coding == PackCoding::jpeg) json["sizes"] = std::move(sizes);
  return json;
}

}  // namespace

std::string name_of(PackCoding coding) { return coding == PackCoding::raw ? "raw" : "jpeg"; }

FrameHash frame_hash(std::string_view bytes) {
  return hash_of(sha256_of(bytes).substr(0, kHashDigits), "");
}

std::string digits_of(const FrameHash& hash) {
  constexpr char kDigit[] = "0123456789abcdef";
  std::string digits;
  for (const std::uint8_t byte : hash) {
    digits += kDigit[byte >> 4U];
    digits += kDigit[byte & 15U];
  }
  return digits;
}

PackShardIndex read_pack_shard(std::string_view bytes, const std::string& where) {
  if (bytes.size() < kMagic.size() + kFooter || !bytes.starts_with(kMagic) ||
      !bytes.ends_with(kMagic))
    throw InputError(where, "", "a whole shard of a pack",
                     std::to_string(bytes.size()) + " bytes of something else");
  const std::string_view footer = bytes.substr(bytes.size() - kFooter);
  const std::uint64_t offset = number_at(footer), size = number_at(footer.substr(8));
  const std::uint64_t room = bytes.size() - kFooter;
  if (offset < kMagic.size() || offset > room || size != room - offset)
    throw InputError(where, "index", "the bytes before the end of the file",
                     std::to_string(size) + " bytes at " + std::to_string(offset));
  const std::string_view text = bytes.substr(offset, size);
  PackShardIndex index;
  index.sha256 = sha256_of(text);
  if (footer.substr(16, kDigits) != index.sha256)
    throw InputError(where, "index", "SHA-256 " + quoted(std::string(footer.substr(16, kDigits))),
                     index.sha256, "the file is damaged");
  const Json json = parse_json(std::string(text), where);
  JsonObject object(json, where);
  index.plan = object.text("plan");
  index.first = object.integer("first", {}, 0);
  index.coding = coding_of(object);
  const Json* samples = object.child("samples");
  object.finish();
  if (samples == nullptr || !samples->is_array())
    throw InputError(where, "samples", "a list",
                     samples == nullptr ? "none" : samples->type_name());
  for (std::size_t k = 0; k < samples->size(); ++k)
    index.samples.push_back(
        read_sample((*samples)[k], where + ":/samples/" + std::to_string(k), index.coding, offset));
  return index;
}

ShardWriter::ShardWriter(const fs::path& path, std::string plan, std::int64_t first,
                         PackCoding coding)
    : file_(path) {
  index_.plan = std::move(plan);
  index_.first = first;
  index_.coding = coding;
  file_.write(kMagic);
}

void ShardWriter::begin(PackedSample sample) { index_.samples.push_back(std::move(sample)); }

void ShardWriter::add_frame(std::string_view bytes) {
  index_.samples.back().stored.push_back({file_.size(), bytes.size(), frame_hash(bytes)});
  file_.write(bytes);
}

void ShardWriter::end(std::int64_t frames, int height, int width) {
  PackedSample& sample = index_.samples.back();
  sample.frames = frames;
  sample.height = height;
  sample.width = width;
}

void ShardWriter::fail(const std::string& failure) {
  PackedSample& sample = index_.samples.back();
  if (!sample.stored.empty()) file_.cut(sample.stored.front().offset);
  sample = {
      .name = sample.name, .target = sample.target, .group = sample.group, .failure = failure};
}

void ShardWriter::finish() {
  Json samples = Json::array();
  for (const auto& sample : index_.samples) samples.push_back(to_json(sample, index_.coding));
  const Json json = {{"plan", index_.plan},
                     {"first", index_.first},
                     {"coding", name_of(index_.coding)},
                     {"samples", std::move(samples)}};
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  const std::uint64_t offset = file_.size();
  file_.write(text);
  file_.write(number_bytes(offset) + number_bytes(text.size()) + sha256_of(text) +
              std::string(kMagic));
  file_.finish();
}

}  // namespace permafrost
