// SPDX-License-Identifier: Apache-2.0
#include "datasets/fuzz/list_readers.h"

#include <nlohmann/json.hpp>
#include <string>

#include "common/files/hash.h"
#include "datasets/lists/class_names.h"
#include "datasets/lists/manifest_builder.h"
#include "datasets/pack/pack.h"
#include "datasets/tar/tar_index.h"

namespace permafrost {
namespace {

// Of a folder that is not there: paths that the bytes name are looked up and not found.
const std::string kFolder = "/nowhere/";

ManifestOptions options_of() { return {.require_files = false, .name_classes = true}; }

bool manifest(std::string_view bytes) {
  return is_read([&] {
    parse_text_list(bytes, kFolder + "fuzzed.csv", options_of());
    ManifestOptions named = options_of();
    named.class_names = {"calm", "fight"};
    named.labels_required = false;
    named.separator = ";";
    is_read([&] { parse_text_list(bytes, kFolder + "fuzzed.csv", named); });
  });
}

bool json_list(std::string_view bytes) {
  return is_read(
      [&] { parse_json_list(std::string(bytes), kFolder + "fuzzed.json", options_of()); });
}

bool class_names(std::string_view bytes) {
  const bool json = bytes.starts_with('[') || bytes.starts_with('{');
  return is_read(
      [&] { parse_class_names(std::string(bytes), json ? "fuzzed.json" : "fuzzed.txt"); });
}

bool tar(std::string_view bytes) {
  return is_read([&] {
    unsigned sum = 0;
    for (const auto& member : read_tar_index(bytes, "fuzzed"))
      for (const char c : bytes.substr(static_cast<std::size_t>(member.range.offset),
                                       static_cast<std::size_t>(member.range.bytes)))
        sum += static_cast<unsigned char>(c);  // a member outside of the archive is found
    static_cast<void>(sum);
  });
}

// The index is behind a hash that no fuzzer guesses.
bool shard(std::string_view bytes) {
  constexpr std::size_t kFrames = 96;
  std::string file = "PFSHARD1" + std::string(kFrames, 'f');
  const std::uint64_t offset = file.size();
  file.append(bytes);
  for (const std::uint64_t value : {offset, std::uint64_t{bytes.size()}})
    for (int k = 0; k < 64; k += 8) file += static_cast<char>(value >> k & 0xff);
  file += sha256_of(bytes) + "PFSHARD1";
  return is_read([&] {
    for (const auto& sample : read_pack_shard(file, "fuzzed").samples)
      for (const auto& frame : sample.stored)
        frame_hash(std::string_view(file).substr(frame.offset, frame.bytes));
    is_read([&] { read_pack_shard(bytes, "fuzzed"); });
  });
}

bool pack(std::string_view bytes) {
  return is_read([&] { parse_pack_info(parse_json(std::string(bytes), "fuzzed"), "fuzzed"); });
}

}  // namespace

const std::vector<FuzzReader>& list_readers() {
  static const std::vector<FuzzReader> readers = {{"class_names", class_names},
                                                  {"json_list", json_list},
                                                  {"manifest", manifest},
                                                  {"pack", pack},
                                                  {"shard", shard},
                                                  {"tar", tar}};
  return readers;
}

}  // namespace permafrost
