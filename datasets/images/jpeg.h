// SPDX-License-Identifier: Apache-2.0
#pragma once

// JPEG pictures through FFmpeg, for packs. In a build with PERMAFROST_FFMPEG=OFF both throw
// InputError when they are used.
#include <memory>
#include <string>
#include <string_view>

#include "datasets/frames/transform.h"

namespace permafrost {

// Not thread-safe; made anew for another size.
class JpegEncoder {
 public:
  // `quality` 1 to 100: how fine the steps are, 100 the finest that FFmpeg's encoder has.
  explicit JpegEncoder(int quality);
  ~JpegEncoder();
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;
  // 4:2:0, the same bytes for the same picture and version of FFmpeg. Throws Error.
  std::string encode(const ImageView& image);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Not thread-safe.
class JpegDecoder {
 public:
  JpegDecoder();
  ~JpegDecoder();
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  // Valid until the next call. Throws InputError naming `where` for what is no picture.
  ImageView decode(std::string_view bytes, const std::string& where);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace permafrost
