// SPDX-License-Identifier: Apache-2.0
#pragma once

// Small pictures for people: an RGB image and its PNG file, through libpng.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace permafrost {

struct Image {
  struct Colour {
    std::uint8_t r, g, b;
  };
  Image(int w, int h, std::uint8_t grey)
      : width(w),
        height(h),
        pixels(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) * 3, grey) {}
  // Parts outside the image are left out.
  void fill(int x, int y, int w, int h, const Colour& colour);
  int width, height;
  std::vector<std::uint8_t> pixels;  // [height,width,3]
};

// The file's bytes. Throws Error for what no PNG file can hold, such as an image without pixels.
std::string png_bytes(const Image& image);

// Throws as write_file_atomically does.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace permafrost
