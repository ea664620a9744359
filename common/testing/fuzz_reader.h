// SPDX-License-Identifier: Apache-2.0
#pragma once

// A reader of files as fuzzers call it: any bytes are either read or refused with an InputError.
// Used by datasets/fuzz and models/fuzz.
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace permafrost {

struct FuzzReader {
  std::string name;  // of its folder in corpus/
  // True when the bytes were read, false when they were refused. Any other exception passes.
  bool (*read)(std::string_view bytes);
};

// Throws Error when there is none of this name.
inline const FuzzReader& reader_named(const std::vector<FuzzReader>& readers,
                                      std::string_view name) {
  for (const auto& reader : readers)
    if (reader.name == name) return reader;
  throw Error("no reader is named " + quoted(std::string(name)));
}

template <typename Read>
bool is_read(Read read) {
  try {
    read();
    return true;
  } catch (const InputError&) {
    return false;
  }
}

}  // namespace permafrost
