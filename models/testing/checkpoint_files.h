// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of the readers share: the files of testdata/, and bytes made by hand.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "models/encoders/checkpoints/checkpoint.h"
#include "models/testing/test_support.h"

namespace permafrost {

inline std::filesystem::path testdata(const std::string& name) {
  return std::filesystem::path(PERMAFROST_SOURCE_DIR) / "models/encoders/checkpoints/testdata" /
         name;
}

inline std::string little(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += i < 8 ? static_cast<char>(value >> (8 * i) & 0xff) : '\0';
  return out;
}

struct ZipPart {
  std::string name, bytes;
};

// A zip archive that stores its parts.
inline std::string zip_of(const std::vector<ZipPart>& parts) {
  std::string records, directory;
  for (const auto& part : parts) {
    const std::string sizes = little(0, 4) + little(part.bytes.size(), 4) +
                              little(part.bytes.size(), 4) + little(part.name.size(), 2);
    directory += "PK\x01\x02" + little(20, 2) + little(20, 2) + little(0, 8) + sizes +
                 little(0, 12) + little(records.size(), 4) + part.name;
    records +=
        "PK\x03\x04" + little(20, 2) + little(0, 8) + sizes + little(0, 2) + part.name + part.bytes;
  }
  return records + directory + "PK\x05\x06" + little(0, 4) + little(parts.size(), 2) +
         little(parts.size(), 2) + little(directory.size(), 4) + little(records.size(), 4) +
         little(0, 2);
}

// Pieces of pickles.
inline std::string pickled_text(const std::string& text) {
  return "X" + little(text.size(), 4) + text;
}
inline std::string pickled_integer(std::int64_t value) {
  return "\x8a\x08" + little(static_cast<std::uint64_t>(value), 8);
}
inline std::string pickled_storage(const std::string& key, std::int64_t count,
                                   const std::string& type = "FloatStorage") {
  return "(" + pickled_text("storage") + "ctorch\n" + type + "\n" + pickled_text(key) +
         pickled_text("cpu") + pickled_integer(count) + "tQ";
}
// A tensor over the storage that the pickle `storage` pushes.
inline std::string pickled_tensor(const std::string& storage, std::int64_t offset,
                                  const std::vector<std::int64_t>& sizes,
                                  const std::vector<std::int64_t>& strides) {
  const auto tuple = [](const std::vector<std::int64_t>& numbers) {
    std::string out = "(";
    for (const auto number : numbers) out += pickled_integer(number);
    return out + "t";
  };
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + pickled_integer(offset) + tuple(sizes) +
         tuple(strides) + "\x89}tR";
}

inline void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_TRUE(contains(text, part)) << text << "\nhas not: " << part;
}

}  // namespace permafrost
