// SPDX-License-Identifier: Apache-2.0
#include "datasets/images/picture.h"

#include <cstdlib>
#include <utility>

#include "common/error.h"

namespace permafrost {
namespace {

// swscale writes whole vectors: rows have room for one more than they need.
constexpr int kRowPadding = 64;

bool is_full_range_format(int format) {
  const AVPixFmtDescriptor* descriptor = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(format));
  return descriptor != nullptr && std::string(descriptor->name).starts_with("yuvj");
}

std::string format_name(int format) {
  const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(format));
  return quoted(name != nullptr ? name : "none");
}

}  // namespace

Orientation orientation_of(const std::int32_t* matrix) {
  if (matrix == nullptr) return {};
  // A point (p, q) goes to (a p + c q, b p + d q).
  const std::int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  const auto is_small = [](std::int64_t part, std::int64_t whole) {
    return std::llabs(part) * 100 <= std::llabs(whole);
  };
  if (a != 0 && d != 0 && is_small(b, a) && is_small(c, d)) {
    return {.transpose = false, .mirror_x = a < 0, .mirror_y = d < 0};
  }
  if (b != 0 && c != 0 && is_small(a, b) && is_small(d, c)) {
    return {.transpose = true, .mirror_x = c < 0, .mirror_y = b < 0};
  }
  return {};
}

RgbConverter::RgbConverter(std::string path, const std::int32_t* stream_matrix,
                           std::optional<Orientation> picture)
    : path_(std::move(path)),
      stream_orientation_(orientation_of(stream_matrix)),
      picture_orientation_(picture) {}

void RgbConverter::make_scaler(const Source& source) {
  // Size stays, only chroma is brought up. Plain SWS_BILINEAR is what decord and torchcodec use:
  // the same pixels to the last bit, and so those that released encoders and probes have seen.
  const auto format = static_cast<AVPixelFormat>(source.format);
  scaler_.reset(sws_getContext(source.width, source.height, format, source.width, source.height,
                               AV_PIX_FMT_RGB24, SWS_BILINEAR, nullptr, nullptr, nullptr));
  if (!scaler_) {
    throw InputError(path_, "video stream", "a pixel format that can be shown as RGB",
                     format_name(source.format));
  }
  int *inverse = nullptr, *table = nullptr;
  int from_full = 0, to_full = 0, brightness = 0, contrast = 0, saturation = 0;
  if (sws_getColorspaceDetails(scaler_.get(), &inverse, &from_full, &table, &to_full, &brightness,
                               &contrast, &saturation) < 0) {
    return;  // palettes and the like have no such thing
  }
  if (source.range == AVCOL_RANGE_JPEG || is_full_range_format(source.format)) {
    from_full = 1;
  } else if (source.range == AVCOL_RANGE_MPEG) {
    from_full = 0;
  }
  const int* coefficients = sws_getCoefficients(
      source.colorspace == AVCOL_SPC_UNSPECIFIED ? SWS_CS_DEFAULT : source.colorspace);
  sws_setColorspaceDetails(scaler_.get(), coefficients, from_full, coefficients, to_full,
                           brightness, contrast, saturation);
}

ImageView RgbConverter::upright(const ImageView& image, const Orientation& orientation) {
  const int height = orientation.transpose ? image.width : image.height;
  const int width = orientation.transpose ? image.height : image.width;
  const std::ptrdiff_t stride = std::ptrdiff_t{width} * 3;
  upright_.resize(static_cast<std::size_t>(stride) * static_cast<std::size_t>(height));
  std::uint8_t* out = upright_.data();
  for (int y = 0; y < height; ++y) {
    const int from_y = orientation.mirror_y ? height - 1 - y : y;
    for (int x = 0; x < width; ++x) {
      const int from_x = orientation.mirror_x ? width - 1 - x : x;
      const int row = orientation.transpose ? from_x : from_y;
      const int column = orientation.transpose ? from_y : from_x;
      const std::uint8_t* pixel = image.pixels + row * image.stride + std::ptrdiff_t{column} * 3;
      for (int c = 0; c < 3; ++c) *out++ = pixel[c];
    }
  }
  return {upright_.data(), height, width, stride};
}

ImageView RgbConverter::convert(const AVFrame& frame) {
  const Source source{frame.width, frame.height, frame.format, frame.colorspace, frame.color_range};
  if (!scaler_ || source != source_) make_scaler(source);
  source_ = source;
  const int stride = (frame.width * 3 + kRowPadding - 1) / kRowPadding * kRowPadding + kRowPadding;
  stored_.resize(static_cast<std::size_t>(stride) * static_cast<std::size_t>(frame.height + 1));
  std::uint8_t* const planes[4] = {stored_.data(), nullptr, nullptr, nullptr};
  const int strides[4] = {stride, 0, 0, 0};
  const int rows =
      sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, planes, strides);
  if (rows != frame.height) {
    throw InputError(path_, "video stream", "a frame that can be shown as RGB",
                     format_name(frame.format));
  }
  const ImageView image{stored_.data(), frame.height, frame.width, stride};
  const std::int32_t* matrix = display_matrix(frame);
  const Orientation orientation = picture_orientation_ ? *picture_orientation_
                                  : matrix != nullptr  ? orientation_of(matrix)
                                                       : stream_orientation_;
  return orientation == Orientation{} ? image : upright(image, orientation);
}

}  // namespace permafrost
