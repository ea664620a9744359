// SPDX-License-Identifier: Apache-2.0
#include "common/files/xz.h"

#include <lzma.h>

#include <memory>

#include "common/error.h"

namespace permafrost {

bool is_xz(std::string_view bytes) {
  return bytes.starts_with(
      std::string_view("\xFD"
                       "7zXZ\0",
                       6));
}

std::string unpacked_xz(std::string_view bytes, const std::string& where, std::size_t most) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> ended(&stream, lzma_end);
  if (lzma_stream_decoder(&stream, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK)
    throw Error(where + ": liblzma cannot be started");
  stream.next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  stream.avail_in = bytes.size();
  std::string contents, part(std::size_t{1} << 20, '\0');
  for (lzma_ret state = LZMA_OK; state != LZMA_STREAM_END;) {
    stream.next_out = reinterpret_cast<std::uint8_t*>(part.data());
    stream.avail_out = part.size();
    state = lzma_code(&stream, LZMA_FINISH);
    if (state != LZMA_OK && state != LZMA_STREAM_END)
      throw InputError(where, "", "an .xz file",
                       state == LZMA_BUF_ERROR ? "one that is cut short" : "damaged data");
    contents.append(part, 0, part.size() - stream.avail_out);
    if (contents.size() > most)
      throw InputError(where, "", "at most " + std::to_string(most) + " bytes of contents", "more");
  }
  return contents;
}

}  // namespace permafrost
