// SPDX-License-Identifier: Apache-2.0
// The corpus of the fuzzers, without a fuzzer: what was found once stays found.
#include <gtest/gtest.h>

#include <filesystem>

#include "common/files.h"
#include "datasets/fuzz/list_readers.h"

namespace permafrost {
namespace {

TEST(ListCorpus, IsReadOrRefused) {
  const std::filesystem::path corpus =
      std::filesystem::path(PERMAFROST_SOURCE_DIR) / "datasets/fuzz/corpus";
  for (const auto& reader : list_readers()) {
    int read = 0, files = 0;
    for (const auto& file : std::filesystem::directory_iterator(corpus / reader.name)) {
      SCOPED_TRACE(file.path());
      const std::string bytes = read_file(file.path());
      EXPECT_NO_THROW(read += reader.read(bytes) ? 1 : 0);
      ++files;
      // Cut short and with each byte damaged, too.
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

}  // namespace
}  // namespace permafrost
