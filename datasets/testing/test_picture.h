// SPDX-License-Identifier: Apache-2.0
#pragma once

// Picture files for tests: encoded by FFmpeg, or written byte by byte.
#include <cstdint>
#include <stdexcept>
#include <string>

#include "common/files/crc32.h"
#include "datasets/testing/test_video.h"

namespace permafrost {

inline std::string big_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int k = bytes - 1; k >= 0; --k)
    text += k < 8 ? static_cast<char>(value >> (8 * k) & 0xFF) : '\0';
  return text;
}

inline std::string little_endian_text(std::uint64_t value, int bytes) {
  const std::string text = big_endian(value, bytes);
  return {text.rbegin(), text.rend()};
}

inline bool can_write(const char* codec) { return avcodec_find_encoder_by_name(codec) != nullptr; }

// The file of one picture: `codec` "png", "mjpeg" or "libwebp" (without loss), in `format`.
inline std::string encoded_picture(const TestImage& image, const char* codec,
                                   AVPixelFormat format) {
  const AVCodec* found = avcodec_find_encoder_by_name(codec);
  if (found == nullptr) throw std::runtime_error(std::string("no encoder ") + codec);
  FfmpegOwner<AVCodecContext> encoder(avcodec_alloc_context3(found));
  encoder->width = image.width;
  encoder->height = image.height;
  encoder->time_base = {1, 1};
  encoder->pix_fmt = format;
  encoder->color_range = AVCOL_RANGE_JPEG;
  encoder->strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL;
  encoder->flags |= AV_CODEC_FLAG_QSCALE;
  encoder->global_quality = FF_QP2LAMBDA;
  av_opt_set_int(encoder->priv_data, "lossless", 1, 0);
  checked(avcodec_open2(encoder.get(), found, nullptr));
  const auto frame = test_frame(image, *encoder, 0);
  const FfmpegOwner<AVPacket> packet(av_packet_alloc());
  checked(avcodec_send_frame(encoder.get(), frame.get()));
  checked(avcodec_send_frame(encoder.get(), nullptr));
  checked(avcodec_receive_packet(encoder.get(), packet.get()));
  return {reinterpret_cast<const char*>(packet->data), static_cast<std::size_t>(packet->size)};
}

// A block of Exif with nothing in it but the orientation.
inline std::string exif_block(int orientation, bool little = true) {
  const auto number = [&](std::uint64_t value, int bytes) {
    return little ? little_endian_text(value, bytes) : big_endian(value, bytes);
  };
  const auto short_field = [&](int tag, int value) {
    return number(static_cast<std::uint64_t>(tag), 2) + number(3, 2) + number(1, 4) +
           number(static_cast<std::uint64_t>(value), 2) + number(0, 2);
  };
  return (little ? "II" : "MM") + number(42, 2) + number(8, 4) + number(2, 2) +
         short_field(0x0103, 7) + short_field(0x0112, orientation) + number(0, 4);
}

inline std::string jpeg_with_exif(const std::string& file, const std::string& exif) {
  const std::string content = std::string("Exif\0\0", 6) + exif;
  return file.substr(0, 2) + "\xFF\xE1" + big_endian(content.size() + 2, 2) + content +
         file.substr(2);
}

inline std::string png_chunk(const std::string& name, const std::string& content) {
  return big_endian(content.size(), 4) + name + content + big_endian(crc32_of(name + content), 4);
}

// Before the picture, or behind it, as the standard allows both.
inline std::string png_with_exif(const std::string& file, const std::string& exif, bool behind) {
  constexpr std::size_t kEnd = 12;
  const std::size_t at = behind ? file.size() - kEnd : 8 + 12 + 13;
  return file.substr(0, at) + png_chunk("eXIf", exif) + file.substr(at);
}

inline std::string webp_chunk(const std::string& name, const std::string& content) {
  return name + little_endian_text(content.size(), 4) + content +
         (content.size() % 2 == 1 ? std::string(1, '\0') : "");
}

// `flags`: 8 for Exif, 2 for an animation.
inline std::string webp_with_chunks(const TestImage& image, int flags, const std::string& chunks) {
  const std::string head = little_endian_text(static_cast<std::uint64_t>(flags), 4) +
                           little_endian_text(static_cast<std::uint64_t>(image.width - 1), 3) +
                           little_endian_text(static_cast<std::uint64_t>(image.height - 1), 3);
  const std::string content = "WEBP" + webp_chunk("VP8X", head) + chunks;
  return "RIFF" + little_endian_text(content.size(), 4) + content;
}

inline std::string webp_with_exif(const TestImage& image, const std::string& exif) {
  const std::string file = encoded_picture(image, "libwebp", AV_PIX_FMT_BGRA);
  return webp_with_chunks(image, 8, file.substr(12) + webp_chunk("EXIF", exif));
}

// Without compression.
inline std::string tiff_file(const TestImage& image, int orientation) {
  const auto size = [](std::size_t value) { return static_cast<std::uint64_t>(value); };
  const struct {
    int tag, type;
    std::uint64_t count, value;
  } fields[] = {{256, 3, 1, size(static_cast<std::size_t>(image.width))},
                {257, 3, 1, size(static_cast<std::size_t>(image.height))},
                {258, 3, 3, 8 + 2 + 10 * 12 + 4},
                {259, 3, 1, 1},
                {262, 3, 1, 2},
                {273, 4, 1, 8 + 2 + 10 * 12 + 4 + 6},
                {274, 3, 1, static_cast<std::uint64_t>(orientation)},
                {277, 3, 1, 3},
                {278, 3, 1, size(static_cast<std::size_t>(image.height))},
                {279, 4, 1, size(image.rgb.size())}};
  std::string text = std::string("II*\0", 4) + little_endian_text(8, 4) + little_endian_text(10, 2);
  for (const auto& field : fields)
    text += little_endian_text(static_cast<std::uint64_t>(field.tag), 2) +
            little_endian_text(static_cast<std::uint64_t>(field.type), 2) +
            little_endian_text(field.count, 4) + little_endian_text(field.value, 4);
  text += little_endian_text(0, 4);
  for (int k = 0; k < 3; ++k) text += little_endian_text(8, 2);
  return text.append(image.rgb.begin(), image.rgb.end());
}

}  // namespace permafrost
