// SPDX-License-Identifier: Apache-2.0
#pragma once

// The corpus of the fuzzers, without a fuzzer: what was found once stays found. Tests only.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/testing/fuzz_reader.h"

namespace permafrost {

// Every file of FOLDER/<reader> is read or refused, whole, cut short and with each byte damaged;
// some are read, and some refused.
inline void expect_read_or_refused(const std::vector<FuzzReader>& readers,
                                   const std::filesystem::path& folder) {
  for (const auto& reader : readers) {
    int read = 0, files = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder / reader.name)) {
      SCOPED_TRACE(file.path());
      const std::string bytes = read_file(file.path());
      EXPECT_NO_THROW(read += reader.read(bytes) ? 1 : 0);
      ++files;
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::string damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ 0xff);
        EXPECT_NO_THROW(reader.read(damaged)) << "byte " << i;
        EXPECT_NO_THROW(reader.read(std::string_view(bytes).substr(0, i))) << "cut at " << i;
      }
    }
    EXPECT_GT(read, 0) << reader.name;
    EXPECT_GT(files, read) << reader.name << ": none is refused";
  }
}

}  // namespace permafrost
