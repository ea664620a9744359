// SPDX-License-Identifier: Apache-2.0
#include "common/files/png.h"

#include <png.h>

#include <algorithm>
#include <string>

#include "common/error.h"
#include "common/files/files.h"

namespace permafrost {

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
  png_image described{};
  described.version = PNG_IMAGE_VERSION;
  described.width = static_cast<png_uint_32>(image.width);
  described.height = static_cast<png_uint_32>(image.height);
  described.format = PNG_FORMAT_RGB;
  std::string bytes;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(described);
  bytes.resize(size);
  if (png_image_write_to_memory(&described, bytes.data(), &size, 0, image.pixels.data(), 0,
                                nullptr) == 0)
    throw Error(std::string("PNG: ") + described.message);
  bytes.resize(size);
  return bytes;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  write_file_atomically(path, png_bytes(image));
}

}  // namespace permafrost
