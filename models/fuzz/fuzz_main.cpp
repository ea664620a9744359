// SPDX-License-Identifier: Apache-2.0
// The entry point of libFuzzer, for the reader that FUZZ_READER names.
#include <cstddef>
#include <cstdint>

#include "models/fuzz/fuzz_readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto& reader = permafrost::reader_named(permafrost::fuzz_readers(), FUZZ_READER);
  reader.read({reinterpret_cast<const char*>(data), size});
  return 0;
}
