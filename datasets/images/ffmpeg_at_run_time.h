// SPDX-License-Identifier: Apache-2.0
#pragma once

// FFmpeg for programs that are carried to other machines (PERMAFROST_FFMPEG_AT_RUN_TIME): nothing
// is linked; the system's libraries are loaded when the first file is read, of the major versions
// that this was compiled with. Each function of FFmpeg that is used stands here under its own name,
// as an object that calls the loaded one. Included by ffmpeg.h alone, behind FFmpeg's headers.
#include <string>

// What is used, by library. A function that is not listed does not link.
// clang-format off
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)  // see display_matrix() in ffmpeg.h
#define PERMAFROST_STREAM_SIDE_DATA(X)
#define PERMAFROST_PACKET_SIDE_DATA(X) X(av_packet_side_data_get)
#else
#define PERMAFROST_STREAM_SIDE_DATA(X) X(av_stream_get_side_data)
#define PERMAFROST_PACKET_SIDE_DATA(X)
#endif
#define PERMAFROST_AVFORMAT(X)                                                              \
  X(av_find_input_format) X(av_read_frame) X(av_write_frame) X(av_write_trailer)            \
  X(avformat_alloc_context) X(avformat_alloc_output_context2) X(avformat_close_input)       \
  X(avformat_find_stream_info) X(avformat_free_context) X(avformat_new_stream)              \
  X(avformat_open_input) X(avformat_write_header) X(avio_close_dyn_buf) X(avio_closep)      \
  X(avio_open2) X(avio_open_dyn_buf) X(avio_read) X(avio_seek)                              \
  PERMAFROST_STREAM_SIDE_DATA(X)
#define PERMAFROST_AVCODEC(X)                                                               \
  X(av_new_packet) X(av_packet_alloc) X(av_packet_free) X(av_packet_get_side_data)          \
  X(av_packet_move_ref) X(av_packet_ref) X(av_packet_rescale_ts) X(av_packet_unref)         \
  X(avcodec_alloc_context3) X(avcodec_find_decoder) X(avcodec_find_encoder)                 \
  X(avcodec_find_encoder_by_name) X(avcodec_flush_buffers) X(avcodec_free_context)          \
  X(avcodec_get_name) X(avcodec_open2) X(avcodec_parameters_alloc)                          \
  X(avcodec_parameters_copy) X(avcodec_parameters_free) X(avcodec_parameters_from_context)  \
  X(avcodec_parameters_to_context) X(avcodec_receive_frame) X(avcodec_receive_packet)       \
  X(avcodec_send_frame) X(avcodec_send_packet)                                              \
  PERMAFROST_PACKET_SIDE_DATA(X)
#define PERMAFROST_AVUTIL(X)                                                                \
  X(av_dict_get) X(av_frame_alloc) X(av_frame_free) X(av_frame_get_buffer)                  \
  X(av_frame_get_side_data) X(av_free) X(av_get_media_type_string) X(av_get_pix_fmt_name)   \
  X(av_image_copy_plane) X(av_log_set_level) X(av_opt_set) X(av_pix_fmt_desc_get)           \
  X(av_strdup) X(av_strerror)
#define PERMAFROST_SWSCALE(X)                                                               \
  X(sws_freeContext) X(sws_getCoefficients) X(sws_getColorspaceDetails) X(sws_getContext)   \
  X(sws_scale) X(sws_setColorspaceDetails)
// clang-format on
#define PERMAFROST_ALL_OF_FFMPEG(X) \
  PERMAFROST_AVFORMAT(X) PERMAFROST_AVCODEC(X) PERMAFROST_AVUTIL(X) PERMAFROST_SWSCALE(X)

namespace permafrost {

struct FfmpegFunctions {
#define PERMAFROST_MEMBER(name) decltype(&::name) name##_ = nullptr;
  PERMAFROST_ALL_OF_FFMPEG(PERMAFROST_MEMBER)
#undef PERMAFROST_MEMBER
};

// Why the libraries cannot be loaded; empty where they are. The first call loads them. Thread-safe.
const std::string& ffmpeg_failure();
// Throws InputError where they cannot be loaded.
const FfmpegFunctions& ffmpeg_functions();

// An object is found before a function of the global namespace, and hides what its arguments would
// bring in.
#define PERMAFROST_CALL(name) \
  inline constexpr auto name = [](auto... given) { return ffmpeg_functions().name##_(given...); };
PERMAFROST_ALL_OF_FFMPEG(PERMAFROST_CALL)
#undef PERMAFROST_CALL

}  // namespace permafrost
