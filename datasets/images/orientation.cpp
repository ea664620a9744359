// SPDX-License-Identifier: Apache-2.0
#include "datasets/images/orientation.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

namespace permafrost {
namespace {

constexpr int kOrientationTag = 0x0112;
constexpr std::string_view kExifStart("Exif\0\0", 6);

// Bytes that are not trusted: whatever lies outside reads as 0 or as empty.
struct UntrustedBytes {
  std::string_view text;
  bool big_endian = true;

  std::size_t size() const { return text.size(); }
  std::uint64_t number(std::size_t at, int width) const {
    if (at > size() || size() - at < static_cast<std::size_t>(width)) return 0;
    std::uint64_t value = 0;
    for (int k = 0; k < width; ++k) {
      const int place = big_endian ? k : width - 1 - k;
      value = value << 8 | static_cast<std::uint8_t>(text[at + static_cast<std::size_t>(place)]);
    }
    return value;
  }
  std::string_view part(std::size_t at, std::uint64_t length) const {
    return at > size() ? std::string_view() : text.substr(at, length);
  }
};

// Of a block of TIFF, as Exif is one and TIFF files are. 0 where it says nothing.
int tiff_orientation(std::string_view block) {
  if (block.starts_with(kExifStart)) block.remove_prefix(kExifStart.size());
  const bool little = block.starts_with(std::string_view("II*\0", 4));
  if (!little && !block.starts_with(std::string_view("MM\0*", 4))) return 0;
  const UntrustedBytes bytes{block, !little};
  const std::size_t directory = bytes.number(4, 4);
  const std::size_t fields = bytes.number(directory, 2);
  for (std::size_t k = 0; k < fields; ++k) {
    const std::size_t field = directory + 2 + 12 * k;
    if (field >= bytes.size()) return 0;
    if (bytes.number(field, 2) != kOrientationTag) continue;
    const int width = bytes.number(field + 2, 2) == 4 ? 4 : 2;  // a long, as some write it
    return static_cast<int>(bytes.number(field + 8, width) & 0xFFFF);
  }
  return 0;
}

// The first segment of Exif before the picture itself.
int jpeg_orientation(const UntrustedBytes& file) {
  constexpr std::uint64_t kStartOfScan = 0xDA, kApp1 = 0xE1;
  for (std::size_t at = 2; at + 4 <= file.size() && file.number(at, 1) == 0xFF;) {
    const std::uint64_t marker = file.number(at + 1, 1);
    if (marker == 0xFF) {  // filling
      ++at;
      continue;
    }
    if (marker == kStartOfScan) return 0;
    const std::uint64_t length = file.number(at + 2, 2);
    const std::string_view segment = file.part(at + 4, length < 2 ? 0 : length - 2);
    if (marker == kApp1 && segment.starts_with(kExifStart)) return tiff_orientation(segment);
    at += 2 + length;
    if (length < 2) return 0;
  }
  return 0;
}

// The chunk of Exif may stand before the picture or behind it.
int png_orientation(const UntrustedBytes& file) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    const std::uint64_t length = file.number(at, 4);
    const std::string_view name = file.part(at + 4, 4);
    if (name == "eXIf") return tiff_orientation(file.part(at + 8, length));
    if (name == "IEND") return 0;
    at += 12 + length;
  }
  return 0;
}

int webp_orientation(UntrustedBytes file) {
  file.big_endian = false;
  for (std::size_t at = 12; at + 8 <= file.size();) {
    const std::uint64_t length = file.number(at + 4, 4);
    if (file.part(at, 4) == "EXIF") return tiff_orientation(file.part(at + 8, length));
    at += 8 + length + length % 2;
  }
  return 0;
}

struct HeifBox {
  std::string_view name, content;
};

// The boxes that stand one behind the other.
std::vector<HeifBox> boxes_of(std::string_view text) {
  std::vector<HeifBox> boxes;
  const UntrustedBytes bytes{text};
  for (std::size_t at = 0; at + 8 <= bytes.size();) {
    std::uint64_t length = bytes.number(at, 4), head = 8;
    if (length == 1) length = bytes.number(at + 8, 8), head = 16;
    if (length == 0) length = bytes.size() - at;
    if (length < head || length > bytes.size() - at) break;
    boxes.push_back({bytes.part(at + 4, 4), bytes.part(at + head, length - head)});
    at += length;
  }
  return boxes;
}

std::string_view content_of(const std::vector<HeifBox>& boxes, std::string_view name) {
  for (const auto& box : boxes)
    if (box.name == name) return box.content;
  return {};
}

// A quarter turn counter-clockwise behind what was done before.
Orientation turned(Orientation before) {
  std::swap(before.mirror_x, before.mirror_y);
  before.transpose = !before.transpose;
  before.mirror_y = !before.mirror_y;
  return before;
}

Orientation with_property(Orientation before, const HeifBox& property) {
  if (property.content.empty()) return before;
  const int value = static_cast<std::uint8_t>(property.content.front());
  if (property.name == "irot")
    for (int k = 0; k < (value & 3); ++k) before = turned(before);
  if (property.name == "imir") {
    bool& mirror = (value & 1) != 0 ? before.mirror_x : before.mirror_y;
    mirror = !mirror;
  }
  return before;
}

// What the box "ipma" says of one picture: the numbers of its properties, in the order in which
// they are applied.
std::vector<std::size_t> properties_of(std::string_view box, std::uint64_t item) {
  const UntrustedBytes bytes{box};
  const int item_width = bytes.number(0, 1) == 0 ? 2 : 4;
  const int width = (bytes.number(3, 1) & 1) != 0 ? 2 : 1;
  const std::uint64_t items = bytes.number(4, 4);
  std::size_t at = 8;
  for (std::uint64_t k = 0; k < items && at < bytes.size(); ++k) {
    const bool is_it = bytes.number(at, item_width) == item;
    at += static_cast<std::size_t>(item_width);
    const std::uint64_t count = bytes.number(at++, 1);
    std::vector<std::size_t> numbers;
    for (std::uint64_t n = 0; n < count; ++n, at += static_cast<std::size_t>(width))
      numbers.push_back(bytes.number(at, width) & (width == 2 ? 0x7FFF : 0x7F));
    if (is_it) return numbers;
  }
  return {};
}

// Of the primary picture. A block of Exif beside it plays no part, as the standard has it.
Orientation heif_orientation(std::string_view file) {
  const std::string_view meta = content_of(boxes_of(file), "meta");
  if (meta.size() < 4) return {};
  const std::vector<HeifBox> boxes = boxes_of(meta.substr(4));
  const UntrustedBytes primary{content_of(boxes, "pitm")};
  const std::uint64_t item = primary.number(4, primary.number(0, 1) == 0 ? 2 : 4);
  const std::vector<HeifBox> properties = boxes_of(content_of(boxes, "iprp"));
  const std::vector<HeifBox> all = boxes_of(content_of(properties, "ipco"));
  Orientation orientation;
  for (const std::size_t number : properties_of(content_of(properties, "ipma"), item))
    if (number >= 1 && number <= all.size())
      orientation = with_property(orientation, all[number - 1]);
  return orientation;
}

bool is_webp(std::string_view file) {
  return file.starts_with("RIFF") && file.substr(0, 12).ends_with("WEBP");
}

bool is_heif(std::string_view file) {
  return file.size() >= 12 && file.substr(4, 4) == "ftyp" && is_picture_brand(file.substr(8, 4));
}

}  // namespace

Orientation exif_orientation(int number) {
  if (number < 1 || number > 8) return {};
  constexpr bool kMirrorX[] = {false, true, true, false, false, true, true, false};
  constexpr bool kMirrorY[] = {false, false, true, true, false, false, true, true};
  return {
      .transpose = number > 4, .mirror_x = kMirrorX[number - 1], .mirror_y = kMirrorY[number - 1]};
}

int rotation_of(const Orientation& turn) {
  if (turn.transpose) return turn.mirror_x ? 90 : 270;
  return turn.mirror_x && turn.mirror_y ? 180 : 0;
}

std::optional<Orientation> picture_orientation(std::string_view file) {
  const UntrustedBytes bytes{file};
  if (file.starts_with("\xFF\xD8\xFF")) return exif_orientation(jpeg_orientation(bytes));
  if (file.starts_with("\x89PNG\r\n\x1A\n")) return exif_orientation(png_orientation(bytes));
  if (is_webp(file)) return exif_orientation(webp_orientation(bytes));
  if (file.starts_with(std::string_view("II*\0", 4)) ||
      file.starts_with(std::string_view("MM\0*", 4)))
    return exif_orientation(tiff_orientation(file));
  if (is_heif(file)) return heif_orientation(file);
  return std::nullopt;
}

bool is_picture_brand(std::string_view brand) {
  constexpr std::array<std::string_view, 6> kBrands{"avif", "heic", "heix", "heim", "heis", "mif1"};
  return std::find(kBrands.begin(), kBrands.end(), brand) != kBrands.end();
}

bool is_animated_webp(std::string_view file) {
  constexpr int kAnimation = 2;
  return is_webp(file) && file.size() > 20 && file.substr(12, 4) == "VP8X" &&
         (static_cast<std::uint8_t>(file[20]) & kAnimation) != 0;
}

}  // namespace permafrost
