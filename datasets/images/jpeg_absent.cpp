// SPDX-License-Identifier: Apache-2.0
// JPEG in a build with PERMAFROST_FFMPEG=OFF.
#include "common/error.h"
#include "datasets/images/jpeg.h"

namespace permafrost {
namespace {

[[noreturn]] void refuse() {
  throw InputError("JPEG", "", "a program with FFmpeg, or a pack of raw frames",
                   "one that was built with PERMAFROST_FFMPEG=OFF");
}

}  // namespace

struct JpegEncoder::State {};
struct JpegDecoder::State {};
JpegEncoder::JpegEncoder(int) { refuse(); }
JpegEncoder::~JpegEncoder() = default;
std::string JpegEncoder::encode(const ImageView&) { refuse(); }
JpegDecoder::JpegDecoder() { refuse(); }
JpegDecoder::~JpegDecoder() = default;
ImageView JpegDecoder::decode(std::string_view, const std::string&) { refuse(); }

}  // namespace permafrost
