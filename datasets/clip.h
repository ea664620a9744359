// SPDX-License-Identifier: Apache-2.0
#pragma once

// A clip as pixels: uint8 RGB frames [T,H,W,3], presentation order, sRGB values 0..255.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace permafrost {

struct ClipShape {
  int frames = 0;
  int height = 0;
  int width = 0;

  std::size_t bytes() const {
    return static_cast<std::size_t>(frames) * static_cast<std::size_t>(height) *
           static_cast<std::size_t>(width) * 3;
  }
  bool operator==(const ClipShape&) const = default;
};

struct Clip {
  ClipShape shape;
  std::vector<std::uint8_t> pixels;  // shape.bytes() values

  Clip() = default;
  explicit Clip(const ClipShape& s) : shape(s), pixels(s.bytes()) {}
  std::uint8_t* frame(int t) { return pixels.data() + static_cast<std::size_t>(t) * frame_bytes(); }
  const std::uint8_t* frame(int t) const {
    return pixels.data() + static_cast<std::size_t>(t) * frame_bytes();
  }
  std::size_t frame_bytes() const {
    return static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width) * 3;
  }
};

}  // namespace permafrost
