// SPDX-License-Identifier: Apache-2.0
#include "common/files/png.h"

#include <algorithm>
#include <string>

#include "common/files/crc32.h"
#include "common/files/files.h"

namespace permafrost {
namespace {

std::string big_endian(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

std::uint32_t adler32(const std::string& bytes) {
  std::uint32_t a = 1, b = 0;
  for (const char c : bytes) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

std::string chunk(const std::string& type, const std::string& data) {
  return big_endian(static_cast<std::uint32_t>(data.size())) + type + data +
         big_endian(crc32_of(type + data));
}

// A zlib stream of stored blocks (RFC 1950, RFC 1951 section 3.2.4).
std::string stored(const std::string& bytes) {
  constexpr std::size_t kLongest = 65535;
  std::string out = "\x78\x01";
  for (std::size_t begin = 0; begin < bytes.size(); begin += kLongest) {
    const std::size_t size = std::min(kLongest, bytes.size() - begin);
    out += static_cast<char>(begin + size == bytes.size() ? 1 : 0);
    for (const std::size_t value : {size, ~size & 0xffff}) {
      out += static_cast<char>(value & 0xff);
      out += static_cast<char>(value >> 8 & 0xff);
    }
    out += bytes.substr(begin, size);
  }
  return out + big_endian(adler32(bytes));
}

}  // namespace

void Image::fill(int x, int y, int w, int h, const Colour& colour) {
  for (int row = std::max(0, y); row < std::min(height, y + h); ++row)
    for (int column = std::max(0, x); column < std::min(width, x + w); ++column) {
      const auto at = (static_cast<std::size_t>(row) * static_cast<std::size_t>(width) +
                       static_cast<std::size_t>(column)) *
                      3;
      pixels[at] = colour.r;
      pixels[at + 1] = colour.g;
      pixels[at + 2] = colour.b;
    }
}

std::string png_bytes(const Image& image) {
  const auto row_bytes = static_cast<std::size_t>(image.width) * 3;
  std::string rows;
  for (int y = 0; y < image.height; ++y) {
    rows += '\0';  // filter: none
    rows.append(reinterpret_cast<const char*>(image.pixels.data()) +
                    static_cast<std::size_t>(y) * row_bytes,
                row_bytes);
  }
  const std::string header = big_endian(static_cast<std::uint32_t>(image.width)) +
                             big_endian(static_cast<std::uint32_t>(image.height)) +
                             std::string("\x08\x02\0\0\0", 5);
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + chunk("IDAT", stored(rows)) +
         chunk("IEND", "");
}

void write_png(const std::filesystem::path& path, const Image& image) {
  write_file_atomically(path, png_bytes(image));
}

}  // namespace permafrost
