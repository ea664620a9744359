// SPDX-License-Identifier: Apache-2.0
#pragma once

// A suite "test" of the test's own, with its encoders "t/NAME" and tables, where the runner and the
// program look. Tests only.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "models/encoders/encoder.h"

namespace permafrost {

// Two frames of 16 x 16.
inline EncoderSpec tiny_suite_spec() {
  return {.width = 24, .depth = 1, .frames = 2, .height = 16, .image_width = 16};
}

struct SuiteText {
  const char* suite;                // JSON
  std::vector<const char*> tables;  // JSON, numbered from 1
};

// While it lives, PERMAFROST_ZOO and PERMAFROST_SPECS name folders below `root`.
class SuiteFolder {
 public:
  // Encoder k of `encoders` has random weights of seed k + 1.
  SuiteFolder(const std::filesystem::path& root, const SuiteText& text,
              const std::vector<std::string>& encoders,
              const EncoderSpec& spec = tiny_suite_spec()) {
    std::uint64_t seed = 0;
    for (const auto& name : encoders) {
      Encoder encoder = random_encoder(spec, ++seed);
      save_encoder(root / "zoo/t" / (name + ".safetensors"), encoder.weights, spec, {}, false);
    }
    write_file_atomically(root / "specs/suites/test.json", text.suite);
    for (std::size_t k = 0; k < text.tables.size(); ++k)
      write_file_atomically(root / ("specs/tables/table" + std::to_string(k + 1) + ".json"),
                            text.tables[k]);
    ::setenv("PERMAFROST_ZOO", (root / "zoo").c_str(), 1);
    ::setenv("PERMAFROST_SPECS", (root / "specs").c_str(), 1);
    ::unsetenv("PERMAFROST_DATA");
  }
  ~SuiteFolder() {
    ::unsetenv("PERMAFROST_ZOO");
    ::unsetenv("PERMAFROST_SPECS");
  }
  SuiteFolder(const SuiteFolder&) = delete;
  SuiteFolder& operator=(const SuiteFolder&) = delete;
};

}  // namespace permafrost
