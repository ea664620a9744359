// SPDX-License-Identifier: Apache-2.0
#include "datasets/images/codecs.h"

#include "datasets/images/ffmpeg.h"

namespace permafrost {

std::vector<std::string> decoded_codecs() {
  std::vector<std::string> names;
#ifdef PERMAFROST_FFMPEG_AT_RUN_TIME
  if (!ffmpeg_failure().empty()) return names;
#endif
  for (const AVCodecID id :
       {AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP8, AV_CODEC_ID_VP9, AV_CODEC_ID_AV1,
        AV_CODEC_ID_MPEG4, AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MSMPEG4V3,
        AV_CODEC_ID_WMV2, AV_CODEC_ID_FLV1, AV_CODEC_ID_MJPEG, AV_CODEC_ID_PNG, AV_CODEC_ID_WEBP,
        AV_CODEC_ID_GIF, AV_CODEC_ID_BMP})
    if (avcodec_find_decoder(id) != nullptr) names.emplace_back(avcodec_get_name(id));
  return names;
}

}  // namespace permafrost
