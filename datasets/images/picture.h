// SPDX-License-Identifier: Apache-2.0
#pragma once

// Decoded frames to upright RGB at full size. Used by decoder.cpp.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "datasets/frames/transform.h"
#include "datasets/images/ffmpeg.h"
#include "datasets/images/orientation.h"

namespace permafrost {

// From a display matrix (null: upright). Turns that are no multiple of 90 degrees are left alone.
Orientation orientation_of(const std::int32_t* matrix);

// Not thread-safe. Adapts to frames that change size or format.
class RgbConverter {
 public:
  // `path` is for messages, `stream_matrix` the display matrix of the stream or null. `picture` is
  // what a picture file says, which then counts and no matrix.
  RgbConverter(std::string path, const std::int32_t* stream_matrix,
               std::optional<Orientation> picture = std::nullopt);

  // The picture as sRGB-range RGB, by the matrix (BT.601 where the file names none) and range that
  // the frame states. Valid until the next call. Throws InputError for a pixel format without
  // conversion.
  ImageView convert(const AVFrame& frame);

 private:
  // What the scaler was made for.
  struct Source {
    int width = 0;
    int height = 0;
    int format = -1;
    int colorspace = -1;
    int range = -1;
    bool operator==(const Source&) const = default;
  };
  void make_scaler(const Source& source);
  ImageView upright(const ImageView& image, const Orientation& orientation);

  std::string path_;
  Orientation stream_orientation_;
  std::optional<Orientation> picture_orientation_;
  Source source_;
  FfmpegOwner<SwsContext> scaler_;
  std::vector<std::uint8_t> stored_, upright_;
};

}  // namespace permafrost
