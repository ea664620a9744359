// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which way up a picture file is to be shown, by what stands in the file: the orientation of Exif
// in JPEG, PNG and WebP, the tag of TIFF, and the turns and mirrors of HEIF and AVIF. Read from the
// bytes, so that one rule holds for every format and every release of FFmpeg, which obeys some.
#include <cstdint>
#include <optional>
#include <string_view>

namespace permafrost {

// How to turn a stored picture upright: first transposed, then mirrored.
struct Orientation {
  bool transpose = false;
  bool mirror_x = false;
  bool mirror_y = false;
  bool operator==(const Orientation&) const = default;
};

// Of Exif's numbers 1 to 8; upright for every other.
Orientation exif_orientation(int number);

// Clockwise turn in degrees: 0, 90, 180 or 270. Mirroring is not told.
int rotation_of(const Orientation& orientation);

// From the bytes of a whole file. Empty where they do not begin as one of the picture formats
// above; upright for a picture that says nothing, or whose block of Exif is damaged.
std::optional<Orientation> picture_orientation(std::string_view file);

// Whether a file of this major brand, "avif" or "heic", is a still picture.
bool is_picture_brand(std::string_view brand);

// Whether it is a WebP file of several pictures.
bool is_animated_webp(std::string_view file);

}  // namespace permafrost
